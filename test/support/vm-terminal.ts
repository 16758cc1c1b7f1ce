import { spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { ReadStream } from "node:tty";
import { ROOT, type VmHost } from "./vm-host.ts";
import { Watched } from "./vm-watched.ts";

/** node-pty's native half; its own JavaScript finds it only where its install script would have built it. */
interface PtyBinding {
  open(
    columns: number,
    rows: number,
  ): { readonly master: number; readonly slave: number; readonly pty: string };
  resize(descriptor: number, columns: number, rows: number): void;
}

/** A user's terminal with a program in it. */
export class Terminal {
  readonly #binding: PtyBinding;
  readonly #master: number;
  readonly #stream: ReadStream;
  readonly screen: Watched;
  /** The program's exit status. */
  readonly ended: Promise<number>;

  /** Runs a shell command as the terminal's session leader. */
  constructor(host: VmHost, command: string, size: { readonly columns: number; readonly rows: number }) {
    this.#binding = loadPty();
    const { master, slave, pty } = this.#binding.open(size.columns, size.rows);
    this.#master = master;
    closeSync(slave);
    const end = openSync(pty, constants.O_RDWR | constants.O_NOCTTY);
    // node-pty leaves the master open in the child, which would then keep its own terminal from hanging up.
    const withoutMaster = `exec ${master}>&-; exec sh -c "$0"`;
    const child = spawn("setsid", ["--ctty", "bash", "-c", withoutMaster, command], {
      cwd: ROOT,
      env: host.environment(),
      stdio: [end, end, end],
    });
    closeSync(end);
    this.#stream = new ReadStream(master);
    // The last process that had the terminal has closed it, tty_ioctl(4).
    this.#stream.on("error", () => {});
    this.screen = new Watched(this.#stream);
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? -1));
    });
  }

  /** Presses keys. */
  type(keys: string): void {
    this.#stream.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#binding.resize(this.#master, columns, rows);
  }

  /** Hangs up. */
  close(): void {
    this.#stream.destroy();
  }
}

function loadPty(): PtyBinding {
  const module = { exports: {} };
  process.dlopen(module, join(ROOT, "build/native/pty.node"));
  return module.exports as PtyBinding;
}
