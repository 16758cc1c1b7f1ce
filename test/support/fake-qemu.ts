import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  identifyProcess,
  type Machine,
  type MachineSpecification,
  QemuDriver,
  type TemplateRequest,
} from "../../src/hypervisor/index.ts";
import type { FakeQemuBehaviour, FakeQemuStart } from "./fake-qemu-program.ts";
import { machineSpecification } from "./machine-specification.ts";

const PROGRAM = fileURLToPath(new URL("fake-qemu-program.ts", import.meta.url));

/** How one machine is asked for. */
export interface FakeStartOptions {
  readonly signal?: AbortSignal;
  readonly changes?: Partial<MachineSpecification>;
}

/** A folder with a QEMU that has no machines, a boot medium of empty files, and a place for templates. */
export class FakeQemuHost {
  readonly folder: string;
  readonly driver: QemuDriver;
  /** What was reported about templates. */
  readonly reports: string[] = [];
  readonly #machines: Machine[] = [];
  #asked = 0;

  /** @param limits of a forked start; generous by default. */
  constructor(folder: string, limits = { readyMs: 30_000, restoreMs: 30_000 }) {
    this.folder = folder;
    for (const name of ["templates", "boot"]) mkdirSync(this.path(name), { recursive: true });
    for (const name of ["kernel", "initramfs", "agent"]) writeFileSync(this.path("boot", name), name);
    this.behave({});
    const files = [this.path("behaviour.json"), this.path("starts")].map((path) => JSON.stringify(path));
    const script = `import(${JSON.stringify(PROGRAM)}).then((fake) => fake.runFakeQemu(${files.join(", ")}));`;
    writeFileSync(this.path("fake-qemu"), `#!${process.execPath}\n${script}\n`);
    chmodSync(this.path("fake-qemu"), 0o755);
    this.driver = new QemuDriver(this.path("fake-qemu"), limits);
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** What QEMU does from its next start on; by default all goes well. */
  behave(changes: Partial<FakeQemuBehaviour>): void {
    const behaviour: FakeQemuBehaviour = { template: "ready", fork: "goes on", ...changes };
    writeFileSync(this.path("behaviour.json"), JSON.stringify(behaviour));
  }

  /** Starts a machine in a new folder. */
  async start({
    signal = new AbortController().signal,
    changes = {},
  }: FakeStartOptions = {}): Promise<Machine> {
    const folder = this.path(`machine-${this.#asked++}`);
    mkdirSync(folder);
    const specification = machineSpecification(folder, {
      boot: {
        from: "kernel",
        kernel: this.path("boot/kernel"),
        initramfs: this.path("boot/initramfs"),
        agentImage: this.path("boot/agent"),
      },
      templates: this.request(),
      ...changes,
    });
    const machine = await this.driver.start(specification, { signal });
    this.#machines.push(machine);
    return machine;
  }

  request(): TemplateRequest {
    return {
      folder: this.path("templates"),
      configuration: Buffer.from("be a template"),
      report: (line) => void this.reports.push(line),
    };
  }

  /** Every start of a QEMU so far, the first one first. */
  get starts(): FakeQemuStart[] {
    const file = this.path("starts");
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as FakeQemuStart);
  }

  get kinds(): string[] {
    return this.starts.map(({ kind }) => kind);
  }

  /** What is in the folder of the templates. */
  get templates(): string[] {
    return readdirSync(this.path("templates")).sort();
  }

  /** QEMUs that run and are no machine that was started. */
  get strays(): number[] {
    const machines = new Set(this.#machines.map(({ pid }) => pid));
    const running = this.starts.filter(({ pid }) => identifyProcess(pid) !== undefined);
    return running.map(({ pid }) => pid).filter((pid) => !machines.has(pid));
  }

  /** Ends every machine. */
  async close(): Promise<void> {
    for (const machine of this.#machines.splice(0)) await machine.destroy();
  }
}
