import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Who may use a registry that has passwords, and the password as htpasswd(1) keeps it (bcrypt). */
export const USER = "tester";
export const PASSWORD = "secret";
const KEPT = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

/** Debian's docker-registry, on the loopback, with its images in a folder. */
export class Registry implements AsyncDisposable {
  /** As names of images have it: `127.0.0.1:PORT`. */
  readonly host: string;
  readonly #process: ChildProcess;

  private constructor(host: string, process: ChildProcess) {
    this.host = host;
    this.#process = process;
  }

  /** Resolves when it listens. */
  static async start(folder: string, { isPrivate = false } = {}): Promise<Registry> {
    const passwords = join(folder, "htpasswd");
    writeFileSync(passwords, `${USER}:${KEPT}\n`);
    const configuration = {
      version: "0.1",
      storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
      http: { addr: "127.0.0.1:0" },
      ...(isPrivate ? { auth: { htpasswd: { realm: "tests", path: passwords } } } : {}),
    };
    // JSON is YAML.
    writeFileSync(join(folder, "registry.yml"), JSON.stringify(configuration));
    const child = spawn("docker-registry", ["serve", join(folder, "registry.yml")], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
    });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`docker-registry ended with ${code}`)));
    createInterface(child.stderr).on("line", (line) => {
      const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (host !== undefined) resolve(host);
    });
    return new Registry(await promise, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
  }
}
