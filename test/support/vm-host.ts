import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerStore, openStateFolder } from "../../src/portlayer/execution/index.ts";
import { DEMO_IMAGE, ROOT, VCH } from "./project-files.ts";
import { Watched } from "./vm-watched.ts";

export { DEMO_IMAGE, ROOT, VCH };

/** How a `vch` ended. */
export interface Finished {
  /** 128 plus the signal when it was killed. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** The standard error output without what tells of progress: what a user has to read. */
  readonly complaints: readonly string[];
}

/** How a `vch` is called. */
export interface CallOptions {
  /** All of its standard input. Undefined: /dev/null. */
  readonly input?: Buffer | string;
  /** Leaves the input open instead: the test writes to it. */
  readonly openInput?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
  /** Another program than bin/vch, with its first arguments. */
  readonly program?: readonly string[];
  readonly directory?: string;
}

/** What `vch` says while an image is imported. */
const PROGRESS = /^vch: (reading|fetching|copying|unpacking|making|checking) /;

/** What a host has for itself. */
interface VmHostOptions {
  /** False: its images are its own, and imported by itself. */
  readonly sharesImages?: boolean;
  /** False: its templates are its own, and made by itself. */
  readonly sharesTemplates?: boolean;
}

/** A running `vch`. */
export interface Call {
  readonly process: ChildProcess;
  readonly stdout: Watched;
  readonly stderr: Watched;
  readonly finished: Promise<Finished>;
}

/**
 * One state folder and the `vch` commands that use it, for one test file: made before its tests; afterwards
 * nothing may be left of them, neither a process nor a file.
 */
export class VmHost {
  readonly #shared: readonly SharedFolder[];
  #folder: string | undefined;

  constructor({ sharesImages = true, sharesTemplates = true }: VmHostOptions = {}) {
    this.#shared = [...(sharesImages ? [IMAGES] : []), ...(sharesTemplates ? [TEMPLATES] : [])];
  }

  open(): void {
    this.#folder = mkdtempSync(join(tmpdir(), "vm-test-"));
    for (const name of ["state", "tmp", "files"]) mkdirSync(join(this.#folder, name));
    for (const shared of this.#shared) symlinkSync(shared.path, this.state(shared.name));
  }

  /** Fails when something is left; the folder is gone then, too. */
  async close(): Promise<void> {
    try {
      this.assertNothingLeft();
    } finally {
      for (const pid of this.processes()) process.kill(pid, "SIGKILL");
      rmSync(this.folder, { recursive: true, maxRetries: 3 });
    }
  }

  /** Everything of this host is below. */
  get folder(): string {
    assert(this.#folder !== undefined, "the host is open while its tests run");
    return this.#folder;
  }

  /** A path in the state folder. */
  state(...parts: string[]): string {
    return join(this.folder, "state", ...parts);
  }

  /** A path for a test's own files. */
  file(...parts: string[]): string {
    return join(this.folder, "files", ...parts);
  }

  /** The environment that makes a `vch` use this host. */
  environment(): NodeJS.ProcessEnv {
    return { ...process.env, VCH_STATE: this.state(), TMPDIR: join(this.folder, "tmp"), TERM: "xterm" };
  }

  /** Starts `vch` and lets it run. */
  start(args: readonly string[], options: CallOptions = {}): Call {
    const [program = VCH, ...first] = options.program ?? [];
    const hasInput = options.input !== undefined || options.openInput === true;
    const child = spawn(program, [...first, ...args], {
      cwd: options.directory ?? ROOT,
      env: { ...this.environment(), ...options.environment },
      stdio: [hasInput ? "pipe" : "ignore", "pipe", "pipe"],
    });
    assert(child.stdout !== null && child.stderr !== null);
    const stderr = new Watched(child.stderr);
    const stdout = new Watched(child.stdout, stderr);
    // A vch that ends before it has read everything breaks the pipe.
    child.stdin?.on("error", () => {});
    if (options.input !== undefined) child.stdin?.end(options.input);
    return { process: child, stdout, stderr, finished: finish(child, stdout, stderr) };
  }

  /** Runs `vch` to its end. */
  run(args: readonly string[], options: CallOptions = {}): Promise<Finished> {
    return this.start(args, options).finished;
  }

  /** The ids of the containers in the state folder. */
  containers(): string[] {
    return list(this.state("containers"));
  }

  /** The folders of the templates that can be forked. */
  templates(): string[] {
    return list(this.state("templates"))
      .filter((name) => !name.includes("."))
      .map((name) => this.state("templates", name));
  }

  /** The names of the folders KEY.PID.STARTTIME in which templates are made. */
  unfinishedTemplates(): string[] {
    return list(this.state("templates")).filter((name) => name.includes("."));
  }

  /** No process of a `vch` of this host, no container, no name, no temporary file, no half a template. */
  assertNothingLeft(): void {
    assert.deepEqual(this.processes().map(describeProcess), [], "processes left");
    assert.deepEqual(this.#describeContainers(), [], "containers left");
    assert.deepEqual(list(this.state("images/tmp")), [], "unfinished images left");
    assert.deepEqual(this.unfinishedTemplates(), [], "unfinished templates left");
    assert.deepEqual(list(join(this.folder, "tmp")), [], "temporary files left");
  }

  /** Each with what is in its folder, so that a failure tells how far its removal, or its making, has come. */
  #describeContainers(): string[] {
    return this.containers().map((id) => {
      const folder = this.state("containers", id);
      return `${id}: ${list(folder).join(" ")}; ${this.#describeRecord(id)}`;
    });
  }

  #describeRecord(id: string): string {
    try {
      const record = new ContainerStore(openStateFolder({ VCH_STATE: this.state() })).find(id);
      return JSON.stringify(record).slice(0, 2000);
    } catch (error) {
      return String(error);
    }
  }

  /** Processes that work in this host's folder or were given it: QEMU, virtiofsd, `vch` and its tools. */
  processes(): number[] {
    return list("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => this.#isOurs(pid));
  }

  #isOurs(pid: number): boolean {
    const folders = [this.folder, ...this.#shared.map(({ path }) => path)];
    try {
      const directory = readlinkSync(`/proc/${pid}/cwd`);
      if (folders.some((folder) => directory.startsWith(folder))) return true;
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      return (
        environment.includes(`VCH_STATE=${this.state()}\0`) ||
        // A virtiofsd is in the folder that it serves, but remembers where it was started.
        folders.some((folder) => environment.includes(`PWD=${folder}`))
      );
    } catch {
      // It has ended meanwhile.
      return false;
    }
  }
}

/** A host for the tests of the surrounding `describe`. */
export function useHost(options: VmHostOptions = {}): VmHost {
  const host = new VmHost(options);
  before(() => host.open());
  after(() => host.close());
  return host;
}

async function finish(child: ChildProcess, stdout: Watched, stderr: Watched): Promise<Finished> {
  const status = await new Promise<number>((done, failed) => {
    child.once("error", failed);
    child.once("close", (code, signal) => done(code ?? 128 + (SIGNALS[signal ?? ""] ?? 0)));
  });
  const lines = stderr.text.split("\n").filter((line) => line !== "");
  return {
    status,
    stdout: stdout.bytes,
    stderr: stderr.bytes,
    complaints: lines.filter((line) => !PROGRESS.test(line)),
  };
}

const SIGNALS: Readonly<Record<string, number>> = constants.signals;

function describeProcess(pid: number): string {
  return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").slice(0, 200)}`;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // What was never made holds nothing.
    return [];
  }
}

/** A folder that all hosts of a test run have in common, below their state folders. */
class SharedFolder {
  readonly name: string;
  #path: string | undefined;

  constructor(name: string) {
    this.name = name;
    after(() => {
      if (this.#path !== undefined) rmSync(this.#path, { recursive: true });
    });
  }

  get path(): string {
    this.#path ??= mkdtempSync(join(tmpdir(), `vm-test-${this.name}-`));
    return this.#path;
  }
}

/** Importing an image takes longer than booting it. */
const IMAGES = new SharedFolder("images");

/** A template takes as long as a boot. */
const TEMPLATES = new SharedFolder("templates");
