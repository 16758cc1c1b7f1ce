import { execFile, execFileSync, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCES = join(import.meta.dirname, "emulator");

/** A program in the emulator, as it ended. */
export interface Emulated {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** What the emulator does beside answering; the options of `emulator/main.c`, without their dashes. */
export type EmulatorOptions = readonly string[];

/**
 * A host of VMware's for one test: a folder of guestinfo keys, and programs that run as in a VM of its own
 * (`emulator/emulator.h`).
 */
export class VmwareHost implements Disposable {
  readonly folder: string;
  readonly #emulator: string;
  readonly #keys: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "tether-vmware-"));
    this.#keys = join(this.folder, "keys");
    mkdirSync(this.#keys);
    this.#emulator = compileEmulator();
  }

  set(key: string, value: string | Uint8Array): void {
    writeFileSync(join(this.#keys, fileName(key)), value);
  }

  remove(key: string): void {
    rmSync(join(this.#keys, fileName(key)), { force: true });
  }

  /** Undefined when there is no such key. */
  get(key: string): string | undefined {
    return this.keys.includes(key) ? readFileSync(join(this.#keys, fileName(key)), "utf8") : undefined;
  }

  get keys(): string[] {
    return readdirSync(this.#keys).map((name) => name.replaceAll("%2F", "/").replaceAll("%25", "%"));
  }

  /** The requests of all programs so far, each cut at 128 bytes. */
  get requests(): string[] {
    const log = readFileSync(join(this.folder, "log"), { encoding: "utf8", flag: "a+" });
    return log.split("\n").slice(0, -1);
  }

  /** The emulator's command line for a program. @param code files whose CPUID instructions are answered. */
  commandLine(program: readonly string[], code: readonly string[], options: EmulatorOptions = []): string[] {
    const sites = code.flatMap(findCpuid).map((site) => `--cpuid-site=${site}`);
    const given = options.map((option) => `--${option}`);
    const own = [`--keys=${this.#keys}`, `--log=${join(this.folder, "log")}`];
    return [this.#emulator, ...own, ...sites, ...given, "--", ...program];
  }

  /**
   * Runs a program to its end.
   *
   * @param code the files whose CPUID instructions are answered as on VMware: the program, or libraries of its.
   */
  run(program: readonly string[], code: readonly string[], options: EmulatorOptions = []): Promise<Emulated> {
    const [emulator = "", ...args] = this.commandLine(program, code, options);
    return new Promise((resolve, reject) => {
      const child = execFile(emulator, args, { timeout: 60_000 }, (error, output, errors) => {
        if (child.exitCode === null) reject(error ?? new Error("the emulator was ended"));
        else resolve({ status: child.exitCode, output, errors });
      });
    });
  }

  /** Starts a program whose standard input and output are pipes. */
  start(program: readonly string[], code: readonly string[], options: EmulatorOptions = []) {
    const [emulator = "", ...args] = this.commandLine(program, code, options);
    return spawn(emulator, args, { stdio: ["pipe", "pipe", "inherit"] });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function fileName(key: string): string {
  return key.replaceAll("%", "%25").replaceAll("/", "%2F");
}

let compiled: string | undefined;

/** Once in a process; its folder goes when the process ends. */
function compileEmulator(): string {
  if (compiled !== undefined) return compiled;
  const folder = mkdtempSync(join(tmpdir(), "tether-emulator-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "vmware-emulator");
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
  compileC(
    program,
    sources.map((name) => join(SOURCES, name)),
  );
  compiled = program;
  return program;
}

/** Compiles a C program of the tests', with the project's warnings. */
export function compileC(program: string, sources: readonly string[], options: readonly string[] = []): void {
  const language = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"];
  execFileSync("gcc", [...language, "-o", program, ...sources, ...options]);
}

/** `PATH:OFFSET` of each CPUID instruction in a file's code, by objdump(1). */
export function findCpuid(file: string): string[] {
  const path = realpathSync(file);
  const segments = loadSegments(path);
  const code = execFileSync("objdump", ["-d", path], { encoding: "latin1", maxBuffer: 1 << 30 });
  return [...code.matchAll(/^ *([0-9a-f]+):\t0f a2 /gm)].map((match) => {
    const address = Number.parseInt(match[1] ?? "", 16);
    const segment = segments.find(({ start, size }) => address >= start && address < start + size);
    if (segment === undefined) throw new Error(`${path}: ${match[1]} is in no segment`);
    return `${path}:${address - segment.start + segment.offset}`;
  });
}

function loadSegments(path: string): { offset: number; start: number; size: number }[] {
  const headers = execFileSync("readelf", ["-lW", path], { encoding: "latin1" });
  const pattern = /^ +LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+)/gm;
  return [...headers.matchAll(pattern)].map((match) => {
    const [offset = 0, start = 0, size = 0] = match.slice(1).map((digits) => Number.parseInt(digits, 16));
    return { offset, start, size };
  });
}
