import type { Duplex } from "node:stream";
import type { CrashPlan, CrashRecord, Upgrade } from "./crash-plan.ts";
import type { CountedInput, InputEvents, Ring, RingEvents } from "./process-streams.ts";
import type { Recorder, Recording } from "./recorder.ts";

/**
 * Everything that the agent asks of the kernel and that Node has no call for.
 *
 * One object of this type is injected wherever guest code touches the system, so that the code
 * runs in a unit test as an ordinary process. {@link LinuxSystem} is the real form (the Node-API
 * addon in `native/addon`); `test/support/recording-system.ts` is the form that records calls.
 *
 * Every call that fails throws a {@link SystemCallError}.
 */
export interface System {
  /** mount(2). `source`, `type` and `data` may be null, as the kernel allows. */
  mount(source: string | null, target: string, type: string | null, flags: number, data: string | null): void;

  /** umount2(2). */
  unmount(target: string, flags: number): void;

  /** {@link mount} in a thread of libuv's pool: what else is to be done goes on, however long the kernel waits. */
  mountAside(
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null,
  ): Promise<void>;

  /** {@link unmount} in a thread of libuv's pool. */
  unmountAside(target: string, flags: number): Promise<void>;

  /**
   * Mounts what is mounted at `source` in the caller's view (and below it) in another mount namespace as well, where
   * its processes see it at once, complete with its attributes (open_tree(2), mount_setattr(2), move_mount(2)).
   *
   * @param namespace as {@link createMountNamespace} gave it.
   * @param target descriptor of what it is to be mounted on, opened below the namespace's root.
   */
  attachMount(namespace: number, source: string, target: number, attributes: MountAttributes): void;

  /**
   * umount2(2) in another mount namespace.
   *
   * @param path absolute, as the namespace has it; a symbolic link at its end is not followed.
   */
  detachMount(namespace: number, path: Text, flags: number): void;

  /** finit_module(2) on an uncompressed `.ko` file; a module that is loaded already is no error. */
  loadModule(path: string, parameters: string): void;

  /**
   * membarrier(2), MEMBARRIER_CMD_GLOBAL: waits some milliseconds until the kernel is through with all that it was in the
   * middle of on any processor, as with a packet that has come. A kernel that does not have it is not waited for.
   */
  awaitKernel(): void;

  /** malloc_trim(3): the free pages of this process's heap are returned to the kernel. */
  trimMemory(): void;

  /** sethostname(2): at most 64 bytes. */
  setHostname(name: string): void;

  /** setdomainname(2): at most 64 bytes. */
  setDomainname(name: string): void;

  /** sync(2): returns when every dirty block is on its disk. */
  sync(): void;

  /** reboot(2). As PID 1 this does not return. */
  reboot(action: "power-off" | "restart" | "halt"): void;

  /** Sets a network interface's IFF_UP flag (ioctl SIOCSIFFLAGS). */
  setInterfaceUp(name: string): void;

  /**
   * netlink(7): sends requests, one after the other in one buffer of at most 1 MiB, and gives all of their answers.
   * The kernel has carried them out when it returns; what it says of each is in the answers.
   *
   * @param protocol NETLINK_ROUTE (0), NETLINK_NETFILTER (12).
   */
  netlink(protocol: number, requests: Uint8Array): Uint8Array;

  /**
   * Starts a program (posix_spawn(3), so no copy of the agent is made) with every signal at its default
   * and none blocked. Only the descriptors in `descriptors` reach it.
   */
  spawn(program: SpawnRequest): number;

  /** kill(2); `pid` below zero names a process group. Signals 1 to 64. */
  kill(pid: number, signal: number): void;

  /** pipe2(2) with O_CLOEXEC: `[read end, write end]`. */
  pipe(): [number, number];

  /** memfd_create(2) with the given content, positioned at its start, close-on-exec, sealed. */
  memoryFile(name: string, content: Uint8Array): number;

  /** fchown(2). */
  changeOwner(descriptor: number, uid: number, gid: number): void;

  /** ioctl TIOCSWINSZ on a pty. Sizes in characters (0 to 65535) and pixels. */
  setWindowSize(descriptor: number, size: WindowSize): void;

  /** Puts a terminal or serial line in raw mode, 8 bits, no echo (cfmakeraw, tcsetattr). */
  setRawMode(descriptor: number): void;

  /**
   * openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS below the directory `root`: no symbolic
   * link and no `..` in the path can lead out of it. Always close-on-exec.
   */
  openInRoot(root: number, path: Text, flags: number, mode: number): number;

  /**
   * listxattr(2) of what a descriptor names: the names' bytes, each with its NUL. This and the next calls take
   * O_PATH descriptors too, so that they reach symbolic links, devices and FIFOs themselves.
   */
  listAttributes(descriptor: number): Uint8Array;

  /** getxattr(2). */
  getAttribute(descriptor: number, name: Text): Uint8Array;

  /** setxattr(2). */
  setAttribute(descriptor: number, name: Text, value: Uint8Array): void;

  /** utimensat(2): nanoseconds since 1970; undefined leaves a time as it is. */
  setTimes(descriptor: number, accessedNs: bigint | undefined, modifiedNs: bigint | undefined): void;

  /** mknodat(2): `mode` with its S_IFIFO, S_IFCHR or S_IFBLK bits; `name` is a single one, in the directory. */
  makeNode(directory: number, name: Text, mode: number, major: number, minor: number): void;

  /** lseek(2) SEEK_DATA; undefined when only a hole follows. Moves the file's position. */
  seekData(descriptor: number, offset: number): number | undefined;

  /** lseek(2) SEEK_HOLE; undefined behind the end of the file. Moves the file's position. */
  seekHole(descriptor: number, offset: number): number | undefined;

  /**
   * Makes a mount namespace in which `root` is `/`. Runs `steps` in order, inside the new namespace but
   * before the root changes, so that targets are paths below `root` as the caller sees it; then pivots,
   * detaches everything else and returns the namespace's descriptor (for setns(2)) and the descriptor
   * of its root directory. Runs in a thread of its own; the caller's namespace is not touched.
   *
   * @throws SystemCallError whose `path` is the target of the step that failed.
   */
  createMountNamespace(root: string, steps: readonly NamespaceStep[]): MountNamespace;

  /**
   * Bridges a character device (virtio-serial port, serial line) to stream sockets, because Node can
   * adopt AF_UNIX but no character device. `onConnection` is called with a new socket descriptor each
   * time that the far side of the device opens it; the socket ends when the far side closes, and when a
   * new peer's `SSH-2.0-` banner arrives on a connection that has carried data before (the far side
   * may come and go faster than the kernel tells). Closing the socket drops what still arrives until
   * the far side connects anew. One thread per device, woken by events only.
   *
   * @param isInterrupted a process before this one had the device open: whoever is on the far side spoke with it,
   *   and is told so that he connects anew.
   */
  bridgeDevice(path: string, events: BridgeEvents, isInterrupted: boolean): Bridge;

  /**
   * The kernel's messages about devices that come, change and go (NETLINK_KOBJECT_UEVENT), from now on. One
   * thread, woken by messages only.
   */
  watchUevents(events: UeventEvents): Bridge;

  /**
   * Tells of every change of a link or an IPv6 address, and of what routers advertise (rtnetlink(7)), from now on, as
   * {@link watchUevents}: a datagram each, a character for each byte.
   */
  watchNetwork(events: UeventEvents): Bridge;

  /**
   * An item of QEMU's fw_cfg, read through its I/O ports (ioperm(2)); undefined when the machine has no such
   * item. Reading needs no driver, and leaves nothing behind that another process could read.
   */
  readFwCfg(name: string): Uint8Array | undefined;

  /**
   * Looks for VMware's backdoor. Its ports are touched on VMware only (CPUID says so), and a fault of the instruction
   * is caught; before {@link installCrashHandler}, which catches faults too.
   *
   * @throws SystemCallError `EOPNOTSUPP` on VMware when the ports are not answered: the memory of the guest is
   *   encrypted, or the host has switched them off. `EPERM` when the kernel gives no I/O privilege (lockdown).
   */
  probeBackdoor(): BackdoorAccess;

  /**
   * Makes one request to VMware by RPCI (GuestRPC; open-vm-tools, lib/rpcOut), where {@link probeBackdoor} has found
   * it. Waits for as long as the host takes. The channel stays open, and is opened anew when the host has dropped it,
   * as after a move of the VM.
   *
   * @param request at most 64 KiB.
   * @returns the reply, with its `1 ` or `0 ` for success or failure: at most 1 MiB.
   * @throws SystemCallError `ECONNRESET` when the host serves no channel, `EMSGSIZE` for a larger reply, `EPROTO` when
   *   it answers something else.
   */
  rpci(request: Uint8Array): Uint8Array;

  /** {@link rpci} in a thread of libuv's pool, one request at a time: what else is to be done goes on. */
  rpciAside(request: Uint8Array): Promise<Uint8Array>;

  /** Reseeds the kernel's random number generator and OpenSSL's with 32 to 512 random bytes (random(4)). */
  seedRandom(seed: Uint8Array): void;

  /** clock_settime(2) on the wall clock: milliseconds since 1970. */
  setClock(milliseconds: number): void;

  /**
   * Loads an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (bpf(2)) and lets it decide, in place of an earlier
   * one, which devices the processes of a cgroup may make and open.
   *
   * @param cgroup descriptor of the cgroup's directory.
   * @param program `struct bpf_insn` after `struct bpf_insn`.
   */
  attachDeviceProgram(cgroup: number, program: Uint8Array): void;

  /**
   * execve(2) in place: returns only by throwing. Descriptors 0 to 2 stay open over it, and others that
   * are not close-on-exec.
   */
  replaceProcess(path: string, args: readonly Text[], env: readonly Text[]): void;

  /**
   * From now on own children, those from {@link spawn} or expected, are told of when they have ended. As PID 1 the
   * others, the orphans that it inherits, are reaped by a thread of their own, whatever JavaScript does meanwhile; in
   * any other process they are left to whoever has started them. One watch at a time.
   *
   * @throws SystemCallError `EBUSY` while there is another.
   */
  watchChildren(events: ChildEvents): ChildWatch;

  /** Makes a child an own one that an agent before this one has started. Before {@link watchChildren}. */
  expectChild(pid: number): void;

  /**
   * waitid(2) with WEXITED, WNOHANG and WNOWAIT: one own child that has ended, which stays until {@link reapChild}
   * takes it. What was noted in between is not lost in a crash.
   */
  peekChild(): ChildStatus | undefined;

  /** waitid(2) with P_PID, WEXITED and WNOHANG: takes this child, if it has ended. */
  reapChild(pid: number): ChildStatus | undefined;

  /** fcntl(2): the descriptor stays open over execve(2). */
  keepDescriptor(descriptor: number): void;

  /** fcntl(2) FD_CLOEXEC: the opposite of {@link keepDescriptor}. */
  closeOnExec(descriptor: number): void;

  /** A memory file for a {@link Ring}, close-on-exec. The capacity is a multiple of 4096, up to 1 GiB. */
  makeRing(capacityBytes: number): number;

  /**
   * Opens a ring and reads `source` (pipe, pty master, socket) into it from now on, until its end. Without a source
   * it is only looked at. Duplicates both descriptors, which stay the caller's; the source becomes non-blocking.
   * One thread serves all rings.
   *
   * @throws SystemCallError `EINVAL` when the descriptor is no sound ring.
   */
  openRing(descriptor: number, source: number | undefined, events: RingEvents): Ring;

  /** A memory file for a {@link CountedInput}, close-on-exec. */
  makeInput(): number;

  /** Opens an input. Duplicates the target, which stays the caller's and becomes non-blocking. */
  openInput(descriptor: number, target: number, events: InputEvents): CountedInput;

  /** A memory file for {@link CrashPlan.record}, close-on-exec. */
  makeCrashRecord(): number;

  readCrashRecord(record: number): CrashRecord;

  /**
   * From now on a fatal signal, on whichever thread, executes the plan's program in this process's place
   * (execve(2)): same PID, same children, and the descriptors that are not close-on-exec. The crash waits, about a
   * second at most, for a ring's read and an input's write to be counted, and for {@link uninterrupted} work of
   * another thread. Once per process, on the main thread.
   */
  installCrashHandler(plan: CrashPlan): void;

  /** Does what the crash handler does, for errors of JavaScript. The reason is cut at 95 bytes. */
  restart(reason: string): never;

  /**
   * Executes another agent in this one's place, with nothing in between, as {@link restart} does. When that cannot be
   * done, the crash plan's program is executed, with a reason that begins with `upgrade failed: `.
   */
  upgrade(upgrade: Upgrade): never;

  /**
   * Ends the way back to the agent before ({@link CrashPlan.handBack}): the present root becomes that of the mount
   * namespace (pivot_root(2)), and the one before is unmounted with everything in it. When it fails, all is as before.
   *
   * @param image where the present root is mounted, as the root before sees it.
   */
  settleUpgrade(image: string): void;

  /**
   * Does work between whose steps no crash may come, as far as that can be helped: a fatal signal that was sent
   * (kill(2)), or a fault of another thread, waits until the work is done. It must be short, and does not wait.
   */
  uninterrupted(work: () => void): void;

  /**
   * Reads many small files of the kernel's in one call: each from its beginning (pread(2)), into the place that it has
   * in the batch. One that cannot be read says so there; nothing is thrown.
   *
   * @returns how many somebody has to look at.
   */
  readFiles(batch: FileBatch): number;

  /**
   * Records files and file systems in a thread until it is closed.
   *
   * @throws SystemCallError `EINVAL` when the ring is no sound one.
   */
  openRecorder(recording: Recording): Recorder;

  /** Adopts a stream descriptor (pipe, socket, pty master) as a Node stream. */
  adoptStream(descriptor: number, kind: "read" | "write" | "duplex"): Duplex;
}

/**
 * Who is answered at VMware's backdoor: `none` there is none; `everybody` in the guest, in user mode too, as VMware has
 * it; `privileged` only who has I/O privilege (`monitor_control.restrict_backdoor`).
 */
export type BackdoorAccess = "none" | "everybody" | "privileged";

/** The files of {@link System.readFiles}, and what was read of them last. */
export interface FileBatch {
  /** One below zero is passed over. */
  readonly descriptors: Int32Array;
  /**
   * Six numbers for each file: where its bytes are in `content`, how many may be there (at most 64 KiB; what is longer
   * is cut), how many there are (below zero: minus the errno), 1 when they are not those that were there before and
   * somebody has to look at them (always when they fill their place), the first row of `numbers` that is the file's, and how many are.
   */
  readonly places: Int32Array;
  readonly content: Uint8Array;
  /**
   * Three for each number that is followed: where it begins in its file, what it is multiplied by, and how many digits
   * are behind its point (0 or 2: in hundredths). A file of which nothing but numbers is different tells those here, and
   * need not be looked at. Ordered by their places; kept up to date.
   */
  readonly numbers: Int32Array;
  /** One for each row of `numbers`: its value, when it has changed. */
  readonly values: Float64Array;
  /** How many have, and then their indices. */
  readonly changed: Int32Array;
  /** When they were read, in microseconds: CLOCK_BOOTTIME and CLOCK_REALTIME. */
  readonly clocks: Float64Array;
}

/** Receives what happens to children. */
export interface ChildEvents {
  /** Some have ended: {@link System.peekChild} gives one after the other. */
  onEnded(): void;
}

/** A running watch over children. */
export interface ChildWatch {
  /** From now on only {@link System.reapChild} reaps. */
  close(): void;
}

/** How a child ended: exactly one of `code` and `signal` is set. */
export interface ChildStatus {
  readonly pid: number;
  /** 0 to 255, when the process ended by exit(2). */
  readonly code?: number;
  /** 1 to 64, when a signal ended it. */
  readonly signal?: number;
  readonly coreDumped: boolean;
}

/** What execve(2) takes: a string is passed as UTF-8, bytes as they are; neither may hold a NUL. */
export type Text = string | Uint8Array;

/** One program to start. */
export interface SpawnRequest {
  /** Absolute path in the agent's own mount namespace, or `/proc/self/fd/N`. */
  readonly path: string;
  readonly args: readonly Text[];
  readonly env: readonly Text[];
  /** Descriptor `n` of the child is the caller's `descriptors[n]`; undefined leaves it closed. */
  readonly descriptors: readonly (number | undefined)[];
}

/** A terminal's size. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels?: number;
  readonly heightPixels?: number;
}

/** What mount_setattr(2) takes. */
export interface MountAttributes {
  /** MOUNT_ATTR_*. */
  readonly set: number;
  readonly clear: number;
  /** MS_SHARED, MS_SLAVE or MS_PRIVATE. */
  readonly propagation: number;
}

/** One step of {@link System.createMountNamespace}; every path is absolute in the caller's view. */
export type NamespaceStep =
  | {
      readonly do: "mount";
      readonly source: string | null;
      readonly target: string;
      readonly type: string | null;
      readonly flags: number;
      readonly data?: string;
      /** The step is left out without an error when its target does not exist (masked paths). */
      readonly optional?: boolean;
    }
  | { readonly do: "make-directory"; readonly target: string; readonly mode: number }
  | { readonly do: "make-file"; readonly target: string; readonly mode: number }
  | { readonly do: "symlink"; readonly source: string; readonly target: string }
  | {
      readonly do: "make-node";
      readonly target: string;
      /** Mode with its S_IFCHR or S_IFBLK bits. */
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

/** What {@link System.createMountNamespace} returns; both descriptors are close-on-exec. */
export interface MountNamespace {
  readonly namespace: number;
  readonly root: number;
}

/** Receives what happens on a bridged device. */
export interface BridgeEvents {
  onConnection(socket: number): void;
  /** The device itself failed or vanished; no further event follows. */
  onError(error: Error): void;
}

/** Receives the kernel's messages about devices. */
export interface UeventEvents {
  /**
   * `ACTION@PATH` and then `KEY=VALUE`, a NUL between each (lib/kobject_uevent.c); empty when messages were
   * lost. Whoever relies on them looks at the devices themselves each time.
   */
  onMessage(message: string): void;
  /** No further message follows. */
  onError(error: Error): void;
}

/** A running bridge. */
export interface Bridge {
  /** Stops the thread and closes device and sockets; resolves when that is done. */
  close(): Promise<void>;
}
