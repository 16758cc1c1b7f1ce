import type { Socket } from "node:net";
import type { MachineFolder } from "./machine-folder.ts";
import type { MachineForward, MachineInterface } from "./machine-interface.ts";
import type { MachineVolume } from "./machine-volume.ts";
import type { ProcessIdentity } from "./qemu/process-identity.ts";

/** How fast the processor is: `auto` takes KVM where it can work. */
export type AccelerationRequest = "auto" | "kvm" | "tcg";

/** Which devices a container VM has: those of QEMU's own world, or those of a VM on vSphere. */
export type Hardware = "virtio" | "vmware";

/**
 * What a machine did that was to go on after its disk was full. One that goes on may stop again a moment later: it is
 * found running the next time, or it is not.
 */
export type Resumed = "was-running" | "goes-on" | "stands-still";

/** How the machine gets its kernel. */
export type Boot =
  | {
      readonly from: "kernel";
      readonly kernel: string;
      readonly initramfs: string;
      readonly agentImage: string;
    }
  | { readonly from: "iso"; readonly iso: string; readonly firmware: "bios" | "uefi" };

/** A file that is only read, below others. */
export interface DiskLayer {
  readonly file: string;
  readonly format: "raw" | "qcow2";
}

/** One virtual machine to start. */
export interface MachineSpecification {
  /** Names the process for whoever lists processes. */
  readonly name: string;
  /** Existing folder for the machine's sockets and console log. */
  readonly folder: string;
  readonly boot: Boot;
  /** Words for the kernel, when it is not the boot medium that gives them. */
  readonly kernelCommandLine: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly acceleration: AccelerationRequest;
  readonly hardware: Hardware;
  /** The container's disk (qcow2). */
  readonly disk: string;
  /** What the disk stands on, the topmost first; none: what its file says. */
  readonly diskLayers: readonly DiskLayer[];
  /** File with the configuration document. */
  readonly configuration: string;
  /** Its vNICs, in the order of their places. */
  readonly interfaces: readonly MachineInterface[];
  /** Its disks beside the container's own. */
  readonly volumes: readonly MachineVolume[];
  /** What of this machine's own files it has; only with hardware of QEMU's own world. */
  readonly folders: readonly MachineFolder[];
  /** File that the guest's log port appends to. */
  readonly log: string;
  /**
   * How large any file may become that the machine writes: its disk, its log, its console. What goes beyond is
   * not written, and may end the machine. Undefined: as large as it likes.
   */
  readonly fileLimitBytes?: number | undefined;
  /** Undefined for a cold start: the machine boots. */
  readonly templates: TemplateRequest | undefined;
}

/**
 * A forked start (vSphere's Instant Clone): the machine goes on where a template of the same shape has stopped,
 * with its guest booted and waiting. A template that is missing is made first; where none can be had, the
 * machine boots.
 */
export interface TemplateRequest {
  /** The folder of all templates. */
  readonly folder: string;
  /** The configuration document that makes a guest a template. */
  readonly configuration: Uint8Array;
  /** Is told, in a line, what was done about the template. */
  readonly report: (line: string) => void;
}

/** How a machine ended. */
export type MachineEnd =
  | { readonly reason: "powered-off" }
  /** The guest reset itself: the kernel does so when it panics. */
  | { readonly reason: "reset" }
  /** The hypervisor's process ended without a word from the guest. */
  | { readonly reason: "lost" }
  /** It is gone; an adopted machine's end is not observed more closely. */
  | { readonly reason: "unobserved" };

/** A started machine. */
export interface Machine {
  /** The hypervisor's process. */
  readonly pid: number;
  /** Resolves when the machine and its process are gone. */
  readonly ended: Promise<MachineEnd>;
  /** Opens the host's end of the link. One connection at a time. */
  connectLink(): Promise<Socket>;
  /** Ends the machine at once, as by pulling its plug; resolves when its process is gone. */
  destroy(): Promise<void>;
}

/** Where a machine runs that was started by some process, this one or another. */
export interface RunningMachine {
  /** The hypervisor's process, as its starter wrote it down. */
  readonly identity: ProcessIdentity;
  /** The folder that it was started with. */
  readonly folder: string;
}

/**
 * A machine that another process started, for any number of processes at the same time. What it opened ends with
 * it: to be disposed of.
 */
export interface AdoptedMachine extends Machine, AsyncDisposable {
  /**
   * Resolves with `unobserved` when the machine's process is gone; never after the disposal. Keeps this process
   * alive from the moment it is asked for.
   */
  readonly ended: Promise<MachineEnd>;
  /**
   * Opens a link of this caller's own, beside those of all others; it is taken away when the socket closes. Right
   * after a machine's start, or while its guest is starting, it waits until the guest comes to it.
   *
   * @throws TetherError `too-many-clients`, `guest-lost`, `hypervisor-failed`, `no-space` while the machine stands still
   *   because a disk is full.
   */
  connectLink(): Promise<Socket>;
  /**
   * Lets the machine go on if it stands still because a disk of its host was full.
   *
   * @throws TetherError `hypervisor-failed`.
   */
  resumeFromFullDisk(): Promise<Resumed>;
  /**
   * Makes the machine write its log to a new file at `path`, when `prepare` says so: what that finds is as it is until
   * the new file is there, for one caller at a time is let in.
   *
   * @returns what `prepare` said.
   * @throws TetherError `hypervisor-failed`; the machine goes on with the file it has.
   */
  switchLogFile(path: string, prepare: () => boolean): Promise<boolean>;
  /**
   * Gives the guest another disk, with an agent image on it, that it can only read; such disks that were plugged
   * before are removed.
   *
   * @param inUse but this one, which the guest's agent is on.
   * @returns its serial number.
   * @throws TetherError `hypervisor-failed`, `upgrade-failed`; nothing is left then.
   */
  plugAgentDisk(image: string, hardware: Hardware, inUse: string | undefined): Promise<string>;
  /**
   * Takes away every disk that {@link plugAgentDisk} has plugged, but the one that is in use.
   *
   * @throws TetherError `hypervisor-failed`.
   */
  removeAgentDisks(inUse: string | undefined): Promise<void>;
  /**
   * Plugs a vNIC; the guest learns of it by itself.
   *
   * @throws TetherError `hypervisor-failed`, `invalid-option`; nothing is left then.
   */
  plugInterface(plugged: MachineInterface, hardware: Hardware): Promise<void>;
  /**
   * What the machine forwards from ports of this machine, in networks of the hypervisor's own.
   *
   * @throws TetherError `hypervisor-failed`.
   */
  readForwards(): Promise<MachineForward[]>;
  /**
   * Takes a vNIC away; resolves when the guest has let go of it.
   *
   * @throws TetherError `hypervisor-failed`.
   */
  unplugInterface(id: string): Promise<void>;
  /**
   * Plugs the disk of a volume; the guest learns of it by itself.
   *
   * @throws TetherError `hypervisor-failed`, `invalid-option`, `volume-in-use` when another machine has the file open.
   */
  plugVolume(volume: MachineVolume, hardware: Hardware): Promise<void>;
  /**
   * Takes the disk of a volume away; resolves when the guest has let go of it.
   *
   * @throws TetherError `hypervisor-failed`.
   */
  unplugVolume(id: string): Promise<void>;
  /** Closes every link; resolves when nothing of them is left in the machine, which goes on. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How a machine is started. */
export interface StartOptions {
  readonly signal: AbortSignal;
  /**
   * Writes the machine's configuration document; called each time just before the hypervisor reads it, which may be seconds
   * after the start was asked for: a template may have to be made first. Left out: it is there.
   */
  readonly writeConfiguration?: () => void;
}

/** Starts machines on one kind of hypervisor. */
export interface HypervisorDriver {
  /**
   * Starts a machine that goes on when this process ends.
   *
   * @throws TetherError `tool-missing`, `acceleration-unavailable`, `needs-root` for folders, `hypervisor-failed`; nothing
   *   is left then.
   */
  start(specification: MachineSpecification, options: StartOptions): Promise<Machine>;

  /** A machine that runs already; undefined when its process has ended. */
  adopt(machine: RunningMachine): AdoptedMachine | undefined;
}
