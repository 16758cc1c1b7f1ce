import { execFile } from "node:child_process";
import { TetherError } from "../src/protocol/errors/index.ts";
import { FIXED_TIME_SECONDS } from "./fixed-values.ts";
import { TOOL_PACKAGES, type Tool } from "./packages.ts";

/** Where and for how long a tool runs. */
export interface RunToolOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
}

/** What a tool printed. */
export interface ToolOutput {
  readonly stdout: string;
  readonly stderr: string;
}

// The slowest step (lz4hc of the agent) takes 20 s on a busy 2-core machine; a download of 27 MB over a
// bad line, minutes.
const LIMIT_MS = 15 * 60_000;
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Runs one tool to its end, with an environment in which its output depends on nothing but its input: fixed
 * language, time zone and SOURCE_DATE_EPOCH.
 * Errors: `tool-missing` names the Debian package; otherwise `not-set-up` with the tool's own last words.
 */
export function runTool(
  tool: Tool,
  args: readonly string[],
  options: RunToolOptions = {},
): Promise<ToolOutput> {
  return new Promise((resolve, reject) => {
    execFile(
      tool,
      args,
      {
        cwd: options.cwd,
        env: toolEnvironment(),
        maxBuffer: OUTPUT_LIMIT_BYTES,
        signal: options.signal,
        timeout: LIMIT_MS,
      },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr });
        else reject(toolError(tool, error, stdout, stderr));
      },
    );
  });
}

function toolEnvironment(): NodeJS.ProcessEnv {
  return {
    // depmod is in /usr/sbin, which an ordinary user's PATH lacks.
    PATH: `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`,
    HOME: process.env["HOME"],
    TMPDIR: process.env["TMPDIR"],
    http_proxy: process.env["http_proxy"],
    https_proxy: process.env["https_proxy"],
    LC_ALL: "C",
    TZ: "UTC",
    SOURCE_DATE_EPOCH: String(FIXED_TIME_SECONDS),
    // mtools' own check of the image geometry refuses sizes that no drive had.
    MTOOLS_SKIP_CHECK: "1",
  };
}

function toolError(
  tool: Tool,
  error: Error & { code?: unknown; killed?: boolean },
  stdout: string,
  stderr: string,
): Error {
  if (error.name === "AbortError") return error;
  if (error.code === "ENOENT") {
    return new TetherError("tool-missing", `${tool} is missing: apt-get install ${TOOL_PACKAGES[tool]}`, {
      cause: error,
    });
  }
  if (error.killed === true) {
    return new TetherError("timed-out", `${tool} did not end within ${LIMIT_MS / 60_000} minutes`, {
      cause: error,
    });
  }
  return new TetherError(
    "not-set-up",
    `${tool} failed: ${lastWords(stderr) || lastWords(stdout) || error.message}`,
    {
      cause: error,
    },
  );
}

function lastWords(output: string): string {
  return output.trim().split("\n").at(-1)?.trim() ?? "";
}
