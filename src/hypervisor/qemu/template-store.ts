import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { MachineSpecification, TemplateRequest } from "../driver.ts";
import { qemuArguments } from "./command-line.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";
import { startQemu } from "./qemu-process.ts";
import { awaitLinkOpened, saveState } from "./template-state.ts";

/** The template's files in its folder. */
const MEMORY = "memory";
const STATE = "state";
const CONFIGURATION = "config.pb";
/** While it is made: the QEMU that makes it. */
const MACHINE = "machine.json";

/** One per shape of machine that is used; the one that was used longest ago goes. A template takes some 100 MB. */
const MOST_TEMPLATES = 8;

/** A guest that is not ready by then never will be; under TCG on a busy machine a boot has taken 20 s. */
const READY_LIMIT_MS = 60_000;

/** A stopped machine of a shape, for any number of forks. */
export interface Template {
  readonly folder: string;
  /** File with the guest's memory. */
  readonly memory: string;
  /** Opens the state of its devices at the start. */
  openState(): Disposable & { readonly descriptor: number };
}

/**
 * The templates of a state folder, one per shape of machine: QEMU, kernel, agent, memory and processors are the
 * same. A template holds nothing of a container.
 */
export class TemplateStore {
  readonly #program: string;
  readonly #request: TemplateRequest;

  constructor(program: string, request: TemplateRequest) {
    this.#program = program;
    this.#request = request;
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
    const root = this.#request.folder;
    const shape = toTemplate(specification);
    const key = this.#identify(shape, accelerator);
    const folder = join(root, key);
    if (existsSync(folder)) {
      const now = new Date();
      utimesSync(folder, now, now);
      return openTemplate(folder);
    }
    if (this.#isBeingMade(key)) return undefined;
    this.#request.report("making a template for machines of this shape");
    await this.#make(shape, accelerator, key, signal);
    this.#trim(key);
    return openTemplate(folder);
  }

  /** Removes a template that does not work. Machines that were forked from it keep what they have mapped. */
  discard({ folder }: Template): void {
    rmSync(folder, { recursive: true, force: true });
  }

  /** Everything that a fork must have in common with its template. */
  #identify(shape: MachineSpecification, accelerator: "kvm" | "tcg"): string {
    const { boot } = shape;
    const files = boot.from === "kernel" ? [boot.kernel, boot.initramfs, boot.agentImage] : [boot.iso];
    const facts = [
      qemuArguments({ ...shape, folder: "", configuration: "", log: "" }, accelerator, {
        kind: "template",
        file: MEMORY,
      }),
      [findProgram(this.#program), ...files].map(describeFile),
      // Under KVM the guest sees the processor.
      accelerator === "kvm" ? readFileSync("/proc/cpuinfo", "utf8").match(/^(model name|flags)\s*:.*$/gm) : null,
      createHash("sha256").update(this.#request.configuration).digest("hex"),
    ];
    return createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 32);
  }

  /** Also clears away what was left by a `vch` that was killed. */
  #isBeingMade(key: string): boolean {
    return readdirSync(this.#request.folder).some((name) => {
      const making = parseMakingName(name);
      if (making === undefined) return false;
      if (isRunning(making.maker)) return making.key === key;
      this.#clear(join(this.#request.folder, name));
      return false;
    });
  }

  #clear(folder: string): void {
    try {
      const machine = JSON.parse(readFileSync(join(folder, MACHINE), "utf8")) as ProcessIdentity;
      if (isRunning(machine)) process.kill(machine.pid, "SIGKILL");
    } catch {
      // It had no machine yet.
    }
    rmSync(folder, { recursive: true, force: true });
  }

  /** In a folder of its own, which becomes the template's when it is complete. */
  async #make(
    shape: MachineSpecification,
    accelerator: "kvm" | "tcg",
    key: string,
    signal: AbortSignal,
  ): Promise<void> {
    const maker = identifyProcess(process.pid);
    if (maker === undefined) throw new TetherError("internal", "this process is not listed in /proc");
    const folder = join(this.#request.folder, makingName(key, maker));
    mkdirSync(folder, { mode: 0o700 });
    try {
      writeFileSync(join(folder, CONFIGURATION), this.#request.configuration);
      const machine = { ...shape, folder, configuration: CONFIGURATION, log: "log" };
      await this.#bootAndSave(folder, qemuArguments(machine, accelerator, { kind: "template", file: MEMORY }), signal);
      chmodSync(join(folder, MEMORY), 0o400);
      const template = join(this.#request.folder, key);
      for (const name of readdirSync(folder)) if (name !== MEMORY && name !== STATE) rmSync(join(folder, name));
      if (!existsSync(template)) renameSync(folder, template);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #bootAndSave(folder: string, args: readonly string[], signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_LIMIT_MS)]);
    const machine = await startQemu({
      program: this.#program,
      args,
      folder,
      signal: limit,
      onSpawned: (identity) => writeFileSync(join(folder, MACHINE), JSON.stringify(identity)),
      prepare: async ({ qmp }) => {
        await awaitLinkOpened(qmp);
        await saveState(qmp, folder, join(folder, STATE));
      },
    });
    process.kill(machine.identity.pid, "SIGKILL");
    await machine.exited;
  }

  #trim(key: string): void {
    const root = this.#request.folder;
    const templates = readdirSync(root)
      .filter((name) => name !== key && parseMakingName(name) === undefined)
      .map((name) => ({ folder: join(root, name), usedMs: statSync(join(root, name)).mtimeMs }))
      .sort((a, b) => b.usedMs - a.usedMs);
    for (const { folder } of templates.slice(MOST_TEMPLATES - 1)) rmSync(folder, { recursive: true, force: true });
  }
}

function openTemplate(folder: string): Template {
  return {
    folder,
    memory: join(folder, MEMORY),
    openState: () => {
      const descriptor = openSync(join(folder, STATE), "r");
      return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
    },
  };
}

/** What all containers have in common. */
function toTemplate(specification: MachineSpecification): MachineSpecification {
  return { ...specification, name: "template", disk: "", templates: undefined };
}

/** A file that was replaced has another time or number. */
function describeFile(path: string): unknown {
  const { size, mtimeMs, ino } = statSync(path);
  return [path, size, mtimeMs, ino];
}

/** Where the shell would find it. */
function findProgram(name: string): string {
  const folders = name.includes("/") ? [""] : (process.env["PATH"] ?? "").split(delimiter);
  const path = folders.map((folder) => join(folder, name)).find((each) => existsSync(each));
  if (path === undefined)
    throw new TetherError("tool-missing", `${name} is not installed: apt-get install qemu-system-x86`);
  return path;
}

const makingName = (key: string, { pid, startTime }: ProcessIdentity): string => `${key}.${pid}.${startTime}`;

function parseMakingName(name: string): { readonly key: string; readonly maker: ProcessIdentity } | undefined {
  const [, key, pid, startTime] = /^(\w+)\.(\d+)\.(\d+)$/.exec(name) ?? [];
  if (key === undefined || pid === undefined || startTime === undefined) return undefined;
  return { key, maker: { pid: Number(pid), startTime } };
}
