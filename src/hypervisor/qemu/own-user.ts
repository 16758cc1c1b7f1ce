import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { TetherError } from "../../protocol/errors/index.ts";
import type { MachineSpecification } from "../driver.ts";
import type { MachineInterface } from "../machine-interface.ts";
import {
  CONSOLE_LOG,
  type CommandMachine,
  type MachineMemory,
  START_SOCKET,
  UEFI_VARIABLES,
} from "./command-line.ts";
import { InheritedFiles } from "./inherited-files.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { QemuRequest, QemuSurroundings, QemuUser } from "./qemu-user.ts";

/*
 * Each QEMU has a user and a group of its own, without any privileges: native/own-user becomes it. Of the host's files it
 * reaches what everybody may read, the descriptors that it inherits, and its room, an empty folder where its sockets come
 * to be. The folder around that, like all of the state folder, is root's alone: nothing in it can be passed, nor a link put
 * in place of a file that `vch` writes. So nothing of a machine but the room belongs to its user, and that ends with it.
 */

/** The room's name in a machine's folder. */
export const ROOM = "machine";

const LAUNCHER = "own-user";
const PRELOADED = "inherited-files.so";

const KVM = "/dev/kvm";
const LOW_PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/**
 * What root needs to give a machine a user, and to have to do with it afterwards: its files, its sockets, its end, its
 * working directory (capabilities(7), linux/capability.h).
 */
const NEEDED_CAPABILITIES = {
  CAP_CHOWN: 0n,
  CAP_DAC_OVERRIDE: 1n,
  CAP_FOWNER: 3n,
  CAP_KILL: 5n,
  CAP_SETGID: 6n,
  CAP_SETUID: 7n,
  CAP_SETPCAP: 8n,
  CAP_SYS_PTRACE: 19n,
} as const;

/** As in native/own-user/own-user.c: a machine's user is this and its process's number. */
export const FIRST_USER = 0x7000_0000;
/** PID_MAX_LIMIT (linux/threads.h). */
const LAST_USER = FIRST_USER + 2 ** 22;

/** Where is read what this process may do; other files in tests. */
interface OwnUserFacts {
  readonly userId: number | undefined;
  /** Of /proc/self: uid_map and status. */
  readonly process: string;
}

/**
 * Why machines cannot have users of their own here; undefined when they can.
 *
 * @param programs the folder of what native/build.mjs has made.
 */
export function whyNoOwnUsers(
  programs: string,
  facts: OwnUserFacts = { userId: process.geteuid?.(), process: "/proc/self" },
): string | undefined {
  if (facts.userId !== 0) return "only root can give them one";
  if (!isMapped(readFileSync(join(facts.process, "uid_map"), "latin1")))
    return `this user namespace has no users from ${FIRST_USER} to ${LAST_USER}`;
  const status = readFileSync(join(facts.process, "status"), "latin1");
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const lacking = Object.entries(NEEDED_CAPABILITIES).filter(([, bit]) => ((effective >> bit) & 1n) === 0n);
  if (lacking.length > 0) return `root lacks ${lacking.map(([name]) => name).join(", ")} here`;
  const missing = [LAUNCHER, PRELOADED].find((name) => !existsSync(join(programs, name)));
  return missing === undefined ? undefined : `${join(programs, missing)} is missing: npm run set-up makes it`;
}

/** @param map first user inside, outside, how many (user_namespaces(7)). */
function isMapped(map: string): boolean {
  return map.split("\n").some((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return first <= FIRST_USER && first + count > LAST_USER;
  });
}

/** Gives each machine a user of its own. */
export class OwnUsers implements QemuUser {
  readonly #programs: string;

  /** @param programs as {@link whyNoOwnUsers} has it, which has found no reason against it. */
  constructor(programs: string) {
    this.#programs = programs;
  }

  prepare({ machine, accelerator, memory, firstDescriptor }: QemuRequest): QemuSurroundings {
    const room = makeRoom(machine.folder);
    const files = new InheritedFiles(firstDescriptor);
    try {
      const lent = lendFiles(machine, memory, files);
      const preloaded = memory.kind === "forked" ? files.path(join(this.#programs, PRELOADED)) : undefined;
      const launcher = [
        join(this.#programs, LAUNCHER),
        ...[".", START_SOCKET, lent.configuration].flatMap((each) => ["--give", each]),
        ...(hasVariables(machine) ? ["--give", UEFI_VARIABLES] : []),
        ...tapsOf(machine.interfaces).flatMap((name) => ["--tap", name]),
        ...(accelerator === "kvm" ? kvmGroup() : []),
        ...(wantsLowPorts(machine.interfaces) ? ["--low-ports"] : []),
        ...(machine.fileLimitBytes === undefined ? [] : ["--file-limit", String(machine.fileLimitBytes)]),
      ] as const;
      return {
        machine: lent,
        room,
        descriptors: files.descriptors,
        command: (program, args) => [...launcher, program, ...files.args, ...args],
        environment: preloaded === undefined ? {} : { LD_PRELOAD: preloaded },
        spareSets: [InheritedFiles.setOf(lent.log)],
        limitsFiles: true,
        explain: (error) => files.explain(error),
        [Symbol.dispose]: () => files[Symbol.dispose](),
      };
    } catch (error) {
      files[Symbol.dispose]();
      throw error;
    }
  }

  async giveTap(name: string, user: number): Promise<void> {
    try {
      await promisify(execFile)(join(this.#programs, LAUNCHER), ["--give-tap", name, String(user)]);
    } catch (error) {
      throw TetherError.from(error, "hypervisor-failed", `giving the container VM the TAP device ${name}`);
    }
  }

  whyNoKvm(): string | undefined {
    const { gid, mode } = statSync(KVM);
    if ((mode & 0o006) === 0o006 || (gid !== 0 && (mode & 0o060) === 0o060)) return undefined;
    return `${KVM} is for root alone: chgrp kvm ${KVM}; chmod 0660 ${KVM}`;
  }
}

/** What an earlier machine has left there is gone: it may be anything. */
function makeRoom(folder: string): string {
  const room = join(folder, ROOM);
  rmSync(room, { recursive: true, force: true });
  mkdirSync(room, { mode: 0o700 });
  return room;
}

const hasVariables = ({ boot }: MachineSpecification): boolean =>
  boot.from === "iso" && boot.firmware === "uefi";

function lendFiles(
  machine: MachineSpecification,
  { kind }: MachineMemory,
  files: InheritedFiles,
): CommandMachine {
  const { boot, folder } = machine;
  const isTemplate = kind === "template";
  return {
    ...machine,
    boot:
      boot.from === "kernel"
        ? {
            from: "kernel",
            kernel: files.path(boot.kernel),
            initramfs: files.path(boot.initramfs),
            agentImage: files.file(boot.agentImage, "read"),
          }
        : { ...boot, iso: files.file(boot.iso, "read") },
    // The launcher gives it to the user.
    configuration: files.path(machine.configuration, true),
    log: files.file(machine.log, "append"),
    console: files.file(join(folder, CONSOLE_LOG), "append"),
    // A template has neither: they are another's each time.
    disk: isTemplate ? "" : files.file(machine.disk, "write"),
    diskLayers: isTemplate
      ? []
      : machine.diskLayers.map(({ file, format }) => ({ format, file: files.file(file, "read") })),
    volumes: isTemplate
      ? machine.volumes
      : machine.volumes.map((each) => ({
          ...each,
          file: files.file(each.file, each.isReadOnly ? "read" : "write"),
        })),
  };
}

function tapsOf(interfaces: readonly MachineInterface[]): string[] {
  return interfaces.flatMap(({ backend }) => (backend.kind === "tap" ? [backend.name] : []));
}

/** Ports that only privileged processes open; QEMU does so itself, for a network of its own. */
function wantsLowPorts(interfaces: readonly MachineInterface[]): boolean {
  const ports = interfaces.flatMap(({ backend }) =>
    backend.kind === "user" ? backend.forwards.map(({ hostPort }) => hostPort) : [],
  );
  const chosen = ports.filter((port) => port > 0);
  return chosen.length > 0 && Math.min(...chosen) < Number(readFileSync(LOW_PORTS, "latin1"));
}

/** Those who may open KVM, where not everybody may. */
function kvmGroup(): string[] {
  const { gid, mode } = statSync(KVM);
  return (mode & 0o006) === 0o006 ? [] : ["--group", String(gid)];
}

/**
 * Where a machine that runs has its sockets: one that a `vch` without {@link OwnUsers} has started, in its folder.
 *
 * @param folder the machine's.
 */
export function roomOf({ pid }: ProcessIdentity, folder: string): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/cwd`)) === ROOM ? join(folder, ROOM) : folder;
  } catch {
    // It has ended meanwhile: there is nothing to be found in either.
    return folder;
  }
}
