import type { tether } from "../../protocol/generated/control.js";
import { TetherError } from "../../protocol/errors/index.ts";
import { refuseExecUnlessRunning } from "./container-attach.ts";
import { type Core, lookSettled } from "./core.ts";
import { openGuest } from "./guest-access.ts";

/** What Docker's `top` answers. */
export interface ProcessTable {
  readonly titles: readonly string[];
  readonly processes: ReadonlyArray<readonly string[]>;
}

type Process = tether.control.Process.$Properties;

/** One of ps(1)'s columns. */
interface Column {
  readonly title: string;
  readonly cell: (process: Process, nowMs: number) => string;
}

/**
 * The processes of a running container, as `ps` would show them.
 *
 * @param options ps(1)'s: none (as `-ef`), `aux` or a list of columns behind `-o` or `-eo`.
 * @throws TetherError `container-not-running`, `invalid-option` for what is not known of ps.
 */
export async function listProcesses(
  core: Core,
  reference: string,
  options: readonly string[],
): Promise<ProcessTable> {
  const columns = chooseColumns(options);
  const known = await lookSettled(core, reference);
  // A frozen container's processes can be listed, as with Docker.
  if (known.state.status !== "paused") refuseExecUnlessRunning(known);
  await using guest = await openGuest(core, known.record);
  const { processes } = await guest.connection.request({ listProcesses: {} });
  core.journal.add("top", known.record);
  return tabulate(processes?.processes ?? [], columns, Date.now());
}

/** Puts processes in columns. */
export function tabulate(
  processes: readonly Process[],
  columns: readonly Column[],
  nowMs: number,
): ProcessTable {
  return {
    titles: columns.map(({ title }) => title),
    processes: processes.map((each) => columns.map(({ cell }) => printable(cell(each, nowMs)))),
  };
}

/** @throws TetherError `invalid-option` for what is not known of ps. */
export function chooseColumns(options: readonly string[]): readonly Column[] {
  const text = options.join(" ").trim();
  if (["", "-ef", "-fe", "-f -e", "-e -f"].includes(text)) return named(FULL);
  if (["aux", "-aux", "axu"].includes(text)) return named(USER);
  const list = /^(?:-e ?|-A ?|ax ?|-ax ?)?-?o ?(.+)$/.exec(text)?.[1];
  if (list === undefined)
    throw new TetherError(
      "invalid-option",
      `ps options that are not known here: ${text} (aux, -ef and -o COLUMN,… are)`,
    );
  return named(list.split(/[ ,]+/).filter((name) => name !== "-o" && name !== ""));
}

const FULL = ["uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd"];
const USER = ["user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start", "time", "command"];

function named(names: readonly string[]): Column[] {
  return names.map((name) => {
    const column = COLUMNS[name];
    if (column === undefined)
      throw new TetherError("invalid-option", `error: unknown user-defined format specifier "${name}"`);
    return column;
  });
}

const user = ({ user: name, uid }: Process): string => name || String(uid ?? 0);
const time = ({ cpuMs }: Process): string => clock(Math.floor((cpuMs ?? 0) / 1000));
const kibibytes = (bytes: number | null | undefined): string => String(Math.floor((bytes ?? 0) / 1024));
const terminal = ({ terminal: name }: Process): string => name || "?";
const commandLine = ({ args, name }: Process): string =>
  args === undefined || args === null || args.length === 0
    ? `[${name ?? ""}]`
    : args.map((arg) => Buffer.from(arg).toString("utf8")).join(" ");
const percentOfCpu = ({ cpuMs, startedMs }: Process, nowMs: number): number =>
  Math.min(9999, ((cpuMs ?? 0) * 100) / Math.max(1, nowMs - (startedMs ?? nowMs)));
const started = ({ startedMs }: Process): string => new Date(startedMs ?? 0).toTimeString().slice(0, 5);

const COLUMNS: Readonly<Record<string, Column>> = {
  uid: { title: "UID", cell: user },
  user: { title: "USER", cell: user },
  pid: { title: "PID", cell: ({ pid }) => String(pid ?? 0) },
  ppid: { title: "PPID", cell: ({ parentPid }) => String(parentPid ?? 0) },
  c: { title: "C", cell: (process, now) => String(Math.floor(percentOfCpu(process, now))) },
  "%cpu": { title: "%CPU", cell: (process, now) => percentOfCpu(process, now).toFixed(1) },
  pcpu: { title: "%CPU", cell: (process, now) => percentOfCpu(process, now).toFixed(1) },
  // The guest does not say how much memory there is in all.
  "%mem": { title: "%MEM", cell: () => "-" },
  stime: { title: "STIME", cell: started },
  start: { title: "START", cell: started },
  tty: { title: "TTY", cell: terminal },
  time: { title: "TIME", cell: time },
  cmd: { title: "CMD", cell: commandLine },
  args: { title: "COMMAND", cell: commandLine },
  command: { title: "COMMAND", cell: commandLine },
  comm: { title: "COMMAND", cell: ({ name }) => name ?? "" },
  rss: { title: "RSS", cell: ({ residentBytes }) => kibibytes(residentBytes) },
  vsz: { title: "VSZ", cell: ({ virtualBytes }) => kibibytes(virtualBytes) },
  stat: { title: "STAT", cell: ({ state }) => state ?? "?" },
  s: { title: "S", cell: ({ state }) => state ?? "?" },
  nlwp: { title: "NLWP", cell: ({ threads }) => String(threads ?? 1) },
};

/** `HH:MM:SS`, as ps(1) shows CPU time. */
function clock(seconds: number): string {
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** What a guest says goes to a user's terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
