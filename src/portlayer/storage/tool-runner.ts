import { spawn } from "node:child_process";

import { TetherError } from "../../protocol/errors/index.ts";

/** The Debian package that each tool comes from. */
export const TOOL_PACKAGES = {
  skopeo: "skopeo",
  umoci: "umoci",
  mke2fs: "e2fsprogs",
  debugfs: "e2fsprogs",
  "mkfs.xfs": "xfsprogs",
  "qemu-img": "qemu-utils",
  find: "findutils",
  "rsvg-convert": "librsvg2-bin",
  openssl: "openssl",
} as const;

/** A program that is started to its end. */
export type Tool = keyof typeof TOOL_PACKAGES;

/** What a run needs beside its arguments. */
export interface ToolOptions {
  readonly signal?: AbortSignal | undefined;
  /** Added to the environment of vch. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Is told the number of its process. */
  readonly onStarted?: (pid: number) => void;
  /** Of what it prints, the end that is kept. Default 64 KiB. */
  readonly outputBytes?: number;
}

/** Starts a tool and resolves with what it wrote, or rejects with a ToolError once it is gone. */
export type ToolRunner = (
  tool: Tool,
  args: readonly string[],
  options: ToolOptions,
) => Promise<{ readonly stdout: string; readonly stderr: string }>;

/** A tool ended badly; `message` is the last line of its own that means something. */
export class ToolError extends Error {
  readonly tool: Tool;

  constructor(tool: Tool, message: string) {
    super(message);
    this.name = "ToolError";
    this.tool = tool;
  }
}

/** Enough for any message; a tool that talks for ever costs no memory. */
const OUTPUT_LIMIT = 64 * 1024;

/** Of util-linux, which every machine has. A `vch` that is killed leaves no tool that goes on, or waits for ever. */
const WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"] as const;

/** What setpriv's status is when there is no such program. */
const NO_SUCH_PROGRAM = "status 127";

/** Debian keeps mke2fs and debugfs where an ordinary user's PATH does not look. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin";

/**
 * Runs a tool without a shell. An aborted signal kills it with all its children, and the promise rejects
 * with the signal's reason only after the tool is gone, so that its folder can be removed.
 */
export const runTool: ToolRunner = async (
  tool,
  args,
  { signal, environment, onStarted, outputBytes = OUTPUT_LIMIT },
) => {
  signal?.throwIfAborted();
  // In a process group of its own: the terminal's ^C must reach vch alone, which then ends the tool.
  const [program, ...words] = WITH_US;
  const child = spawn(program, [...words, tool, ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: `${process.env["PATH"] ?? "/usr/bin:/bin"}:${SYSTEM_PATH}`,
      LC_ALL: "C",
      ...environment,
    },
  });
  const stdout = collect(child.stdout, outputBytes);
  const stderr = collect(child.stderr, OUTPUT_LIMIT);
  const kill = () => killGroup(child.pid);
  signal?.addEventListener("abort", kill);
  if (child.pid !== undefined) onStarted?.(child.pid);
  try {
    const failure = await ended(child);
    signal?.throwIfAborted();
    if (failure === undefined) return { stdout: stdout.text(), stderr: stderr.text() };
    if (failure instanceof Error)
      throw new TetherError("internal", `cannot start ${tool}: ${failure.message}`, { cause: failure });
    if (failure === NO_SUCH_PROGRAM && stderr.text().startsWith(`${program}: `))
      throw new TetherError("tool-missing", `vch needs ${tool}: apt-get install ${TOOL_PACKAGES[tool]}`);
    throw new ToolError(tool, lastMeaningfulLine(stderr.text()) ?? `${tool} ended with ${failure}`);
  } finally {
    signal?.removeEventListener("abort", kill);
  }
};

/** Resolves when the child is gone and its output read: with nothing, with its status, or with why it did not start. */
function ended(child: ReturnType<typeof spawn>): Promise<string | Error | undefined> {
  return new Promise((resolve) => {
    child.once("error", resolve);
    child.once("close", (code, signalName) => {
      resolve(code === 0 ? undefined : signalName === null ? `status ${code}` : signalName);
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself in the meantime.
  }
}

function collect(stream: NodeJS.ReadableStream, limit: number): { text(): string } {
  let kept = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-limit);
  });
  return { text: () => kept.toString("utf8") };
}

/**
 * The line that says why: the last one that is not blank, without logrus's dressing
 * (`time="…" level=fatal msg="…"`, as skopeo and umoci write it) or the tool's own name.
 */
export function lastMeaningfulLine(output: string): string | undefined {
  const line = output
    .split(/[\r\n]+/)
    .findLast((candidate) => candidate.trim() !== "")
    ?.trim();
  if (line === undefined) return undefined;
  const message = /(?:^|\s)msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  const text = message === undefined ? line : unquote(message);
  return text
    .replace(/\s+/g, " ")
    .replace(/^(?:FATA\[\d+\]|⨯|mke2fs:|qemu-img:)\s*/, "")
    .trim();
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    // Go's quoting knows escapes that JSON does not (\x00): better with its backslashes than not at all.
    return quoted.slice(1, -1);
  }
}
