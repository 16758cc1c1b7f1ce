import {
  closeSync,
  constants,
  existsSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import type { MachineSpecification, TemplateRequest } from "../driver.ts";
import { findMachineProcesses } from "./find-processes.ts";
import { MACHINE, makeTemplate, MEMORY, STATE } from "./make-template.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";
import type { QemuUser } from "./qemu-user.ts";
import { describeShape, type Shape } from "./template-shape.ts";

/** One per shape of machine that is used; the one that was used longest ago goes. A template takes some 150 MB. */
const MOST_TEMPLATES = 8;

/** How a store makes templates. */
interface TemplateStoreOptions {
  readonly program: string;
  readonly user: QemuUser;
  readonly request: TemplateRequest;
  /** How long the guest of a template may take until it is ready. */
  readonly readyLimitMs: number;
}

/** A stopped machine of a shape, open for one fork: it works though somebody removes the template meanwhile. */
export interface Template extends Disposable {
  readonly folder: string;
  /** What the fork's QEMU inherits, from descriptor 3 on: the state at its start, and the memory. */
  readonly descriptors: readonly [state: number, memory: number];
}

/** Where a fork's QEMU finds what it has inherited. A file of memory is always opened by a path. */
export const INHERITED_STATE = "fd:3";
export const INHERITED_MEMORY = "/proc/self/fd/4";

/**
 * The templates of a state folder, one per shape of machine. Any number of processes share it: a template is made
 * in a folder KEY.PID.STARTTIME, named after its maker, and complete once it is in KEY.
 */
export class TemplateStore {
  readonly #options: TemplateStoreOptions;

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  /**
   * Finds the template for a machine, or makes it.
   *
   * @returns undefined while somebody else makes it.
   * @throws TetherError `hypervisor-failed` when none can be made; nothing of it is left then.
   */
  async acquire(
    specification: MachineSpecification,
    accelerator: "kvm" | "tcg",
    signal: AbortSignal,
  ): Promise<Template | undefined> {
    const { program, request } = this.#options;
    const beingMade = this.#clearUnfinished();
    const shape = describeShape(program, specification, accelerator, request.configuration);
    const folder = join(request.folder, shape.key);
    const existing = openTemplate(folder);
    if (existing !== undefined) return existing;
    if (beingMade.has(shape.key)) {
      request.report("booting: the template for machines of this shape is being made");
      return undefined;
    }
    request.report("making a template for machines of this shape");
    await this.#make(shape, folder, signal);
    this.#trim(shape.key);
    return openTemplate(folder);
  }

  /** Removes a template that does not work. Machines that were forked from it keep what they have mapped. */
  discard({ folder }: Template): void {
    rmSync(folder, { recursive: true, force: true });
  }

  /**
   * Clears away what was left by a `vch` that was killed.
   *
   * @returns the keys of the templates that are being made.
   */
  #clearUnfinished(): ReadonlySet<string> {
    const root = this.#options.request.folder;
    const beingMade = new Set<string>();
    for (const name of readdirSync(root)) {
      const making = parseMakingName(name);
      if (making === undefined) continue;
      if (isRunning(making.maker)) beingMade.add(making.key);
      else clearUnfinished(join(root, name));
    }
    return beingMade;
  }

  async #make(shape: Shape, target: string, signal: AbortSignal): Promise<void> {
    const maker = identifyProcess(process.pid);
    if (maker === undefined) throw new TetherError("internal", "this process is not listed in /proc");
    const folder = join(this.#options.request.folder, makingName(shape.key, maker));
    mkdirSync(folder, { mode: 0o700 });
    try {
      const { program, user, readyLimitMs, request } = this.#options;
      await makeTemplate({
        ...{ folder, program, user, shape, readyLimitMs, signal },
        configuration: request.configuration,
      });
      publish(folder, target);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #trim(key: string): void {
    const root = this.#options.request.folder;
    const templates = readdirSync(root)
      .filter((name) => name !== key && parseMakingName(name) === undefined)
      .map((name) => ({ folder: join(root, name), usedMs: lastUse(join(root, name)) }))
      .sort((a, b) => b.usedMs - a.usedMs);
    for (const { folder } of templates.slice(MOST_TEMPLATES - 1))
      rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns undefined when there is none; one that lacks a file, because its removal was cut short, is removed. */
function openTemplate(folder: string): Template | undefined {
  if (!existsSync(folder)) return undefined;
  using opened = new DisposableStack();
  const open = (path: string, flags = constants.O_RDONLY): number =>
    opened.adopt(openSync(path, flags), closeSync);
  try {
    const directory = open(folder, constants.O_DIRECTORY);
    // By the folder's descriptor: both are of the same template, even when another takes its place this moment.
    const descriptors = [
      open(`/proc/self/fd/${directory}/${STATE}`),
      open(`/proc/self/fd/${directory}/${MEMORY}`),
    ] as const;
    const now = new Date();
    futimesSync(directory, now, now);
    const kept = opened.move();
    return { folder, descriptors, [Symbol.dispose]: () => kept.dispose() };
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
}

/** The first to be ready has made it; what a second one has made is not needed. */
function publish(folder: string, target: string): void {
  try {
    renameSync(folder, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  }
}

/** Another `vch` may have removed it this moment. */
function lastUse(folder: string): number {
  return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const machineSchema = z.object({ pid: z.int().positive(), startTime: z.string() });

function clearUnfinished(folder: string): void {
  try {
    const machine = machineSchema.parse(JSON.parse(readFileSync(join(folder, MACHINE), "utf8")));
    if (isRunning(machine)) process.kill(machine.pid, "SIGKILL");
  } catch {
    // It had no machine yet, or has ended this moment, or was killed before it wrote down which.
  }
  for (const { pid } of findMachineProcesses(folder)) kill(pid);
  rmSync(folder, { recursive: true, force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended this moment.
  }
}

const makingName = (key: string, { pid, startTime }: ProcessIdentity): string => `${key}.${pid}.${startTime}`;

function parseMakingName(
  name: string,
): { readonly key: string; readonly maker: ProcessIdentity } | undefined {
  const [, key, pid, startTime] = /^(\w+)\.(\d+)\.(\d+)$/.exec(name) ?? [];
  if (key === undefined || pid === undefined || startTime === undefined) return undefined;
  return { key, maker: { pid: Number(pid), startTime } };
}
