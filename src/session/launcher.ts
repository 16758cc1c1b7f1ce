import { closeSync, readFileSync } from "node:fs";
import { TetherError } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";
import type { ProcessSecurity } from "./security.ts";
import type { User } from "./user.ts";

/** What `tether-exec` (native/launcher) is told: everything of a process but its descriptors. */
export interface LaunchInstructions extends ProcessSecurity {
  readonly args: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
  readonly workingDirectory: Uint8Array;
  readonly user: User;
  readonly tty: boolean;
  /** The main process's is made when it is missing, an exec's must be there. Without a word: it is made. */
  readonly makeWorkingDirectory?: boolean;
}

/** Where the container is: what the launcher enters. */
export interface ContainerHandles {
  /** Descriptor of the mount namespace. */
  readonly namespace: number;
  /** Descriptor of the container's root directory. */
  readonly root: number;
  /** Write-only descriptor of the container's `cgroup.procs`; undefined leaves the process where it is. */
  readonly cgroupProcesses: number | undefined;
}

/**
 * Copies the launcher into a sealed memory file, once per agent: a container that gets hold of the launcher's
 * /proc/PID/exe (CVE-2019-5736) finds nothing that it could write to.
 *
 * @returns the path for {@link launch}, valid as long as the agent lives.
 */
export function sealLauncher(system: System, path: string): string {
  return `/proc/self/fd/${system.memoryFile("tether-exec", readFileSync(path))}`;
}

/** A process that was started; it may still fail to become the command. */
export interface Launch {
  readonly pid: number;
  /** Descriptor of the launcher's report, which is closed behind {@link ReportReader}. */
  readonly report: number;
  /** Resolves when the command runs; rejects with what kept it from running. */
  readonly executed: Promise<void>;
}

/**
 * Gets the launcher's report, before its descriptor is closed; undefined when the command runs.
 * {@link explainReport} says what it means.
 */
export type ReportReader = (failure: Buffer | undefined) => void;

/** The longest report of the launcher: a step, an errno and a path. */
const MAX_REPORT_BYTES = 8192;

/**
 * Starts the launcher, which becomes the container's process.
 *
 * @param launcher path of `tether-exec` in the agent's own file system.
 * @param stdio descriptors 0, 1 and 2; they stay open here.
 */
export function launch(
  system: System,
  launcher: string,
  container: ContainerHandles,
  stdio: readonly [number, number, number],
  instructions: LaunchInstructions,
  onReport: ReportReader = () => {},
): Launch {
  const instructionFile = system.memoryFile("tether-exec", encodeInstructions(instructions, container));
  const [reportEnd, launcherEnd] = system.pipe();
  try {
    const pid = system.spawn({
      path: launcher,
      args: ["tether-exec"],
      env: [],
      descriptors: [...stdio, instructionFile, launcherEnd, container.namespace, container.cgroupProcesses],
    });
    return { pid, report: reportEnd, executed: readReport(system, reportEnd, onReport) };
  } catch (error) {
    closeSync(reportEnd);
    throw TetherError.from(error, "launch-failed", "starting the launcher");
  } finally {
    closeSync(instructionFile);
    closeSync(launcherEnd);
  }
}

function encodeInstructions(instructions: LaunchInstructions, container: ContainerHandles): Buffer {
  const records: Uint8Array[] = [];
  const put = (key: string, value: string | number | Uint8Array): void => {
    records.push(Buffer.from(`${key}=`), typeof value === "object" ? value : Buffer.from(String(value)), NUL);
  };
  for (const arg of instructions.args) put("arg", arg);
  for (const variable of instructions.environment) put("env", variable);
  put("cwd", instructions.workingDirectory);
  if (instructions.makeWorkingDirectory !== false) put("make-cwd", 1);
  put("uid", instructions.user.uid);
  put("gid", instructions.user.gid);
  for (const group of instructions.user.groups) put("group", group);
  if (instructions.tty) put("tty", 1);
  put("umask", "0022");
  for (const limit of instructions.resourceLimits) put("rlimit", limit);
  const { capabilities } = instructions;
  put("capabilities", capabilities === "ALL" ? capabilities : capabilities.join(","));
  const { seccomp = true } = instructions;
  if (seccomp !== false) put("seccomp", seccomp === true ? "default" : Buffer.from(seccomp).toString("hex"));
  if (instructions.noNewPrivileges === true) put("no-new-privileges", 1);
  put("oom-score-adj", instructions.oomScoreAdjustment ?? 0);
  if (container.cgroupProcesses !== undefined) put("cgroup-namespace", 1);
  return Buffer.concat(records);
}

const NUL = Uint8Array.of(0);

/**
 * Reads a launcher's report to its end, which comes without a byte when execve(2) succeeds, and closes it.
 *
 * @throws TetherError what kept the command from running.
 */
export function readReport(system: System, descriptor: number, onReport: ReportReader): Promise<void> {
  const stream = system.adoptStream(descriptor, "read");
  let report = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    report = Buffer.concat([report, chunk]).subarray(0, MAX_REPORT_BYTES);
  });
  return new Promise((resolve, reject) => {
    stream.once("error", reject);
    // Not behind a promise: the stream closes its descriptor when this has returned.
    stream.once("end", () => {
      try {
        onReport(report.length > 0 ? report : undefined);
      } catch (error) {
        reject(TetherError.from(error, "launch-failed", "launching the process"));
      }
      if (report.length > 0) reject(explainReport(report));
      else resolve();
    });
  });
}

/**
 * Turns the launcher's report (`step NUL errno NUL name NUL detail NUL`) into Docker's words and exit status.
 */
export function explainReport(report: Buffer): TetherError {
  const [step = "", , name = "", detail = ""] = report.toString("utf8").split("\0");
  switch (step) {
    case "lookup":
      return explainLookUp(name, detail);
    case "execute":
      return new TetherError("command-not-executable", `exec: "${detail}": ${describe(name)}`);
    case "working-directory":
    case "make-working-directory":
      return new TetherError("working-directory", `working directory "${detail}": ${describe(name)}`);
    default:
      return new TetherError(
        "launch-failed",
        `launching the process failed at ${step}: ${describe(name)}${detail === "" ? "" : ` (${detail})`}`,
      );
  }
}

function explainLookUp(errno: string, command: string): TetherError {
  if (errno !== "ENOENT" && errno !== "ENOTDIR") {
    return new TetherError("command-not-executable", `exec: "${command}": ${describe(errno)}`);
  }
  const reason = command.includes("/")
    ? `stat ${command}: ${describe(errno)}`
    : "executable file not found in $PATH";
  return new TetherError("command-not-found", `exec: "${command}": ${reason}`);
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOEXEC: "exec format error",
  EPERM: "operation not permitted",
  E2BIG: "argument list too long",
  ELOOP: "too many levels of symbolic links",
  ETXTBSY: "text file busy",
  EAGAIN: "resource temporarily unavailable",
  ENOMEM: "cannot allocate memory",
};

function describe(errno: string): string {
  return DESCRIPTIONS[errno] ?? errno;
}
