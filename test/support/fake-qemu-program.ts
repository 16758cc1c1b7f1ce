import { appendFileSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";

/*
 * A QEMU that has no machine: it says that it was started, calls its starter, and answers as much of the machine
 * protocol (docs/interop/qmp-intro) as a template and a fork are made with. Its arguments tell which it is.
 */

/** What goes wrong with a template; `ready` is what does not. */
export type TemplateFate =
  | "ready"
  | "ends before the guest is ready"
  | "is never ready"
  | "is killed while its state is written"
  | "cannot write its state"
  | "has a disk that is full"
  | "refuses to be saved";

/** What goes wrong with a fork. */
export type ForkFate =
  | "goes on"
  | "refuses the state"
  | "fails on the state"
  | "ends over the state"
  | "never comes back"
  | "does not go on";

/** What the fake does; read at its start, so that it stays the same program. */
export interface FakeQemuBehaviour {
  readonly template: TemplateFate;
  readonly fork: ForkFate;
}

/** One start of the fake, and what it found. */
export interface FakeQemuStart {
  readonly kind: "template" | "fork" | "cold";
  readonly pid: number;
  /** Its working directory. */
  readonly folder: string;
  /** What a fork read from its template. */
  readonly state?: string;
  readonly memory?: string;
}

/** What the fake leaves of itself in a template. */
export const STATE_TEXT = "the state of the devices";
export const MEMORY_TEXT = "the guest's memory";

/** Behaves as a file says, and adds its starts to another, a line of JSON each. */
export function runFakeQemu(behaviourFile: string, startsFile: string): void {
  const behaviour = JSON.parse(readFileSync(behaviourFile, "utf8")) as FakeQemuBehaviour;
  const memory = /mem-path=([^, ]+)/.exec(process.argv.join(" "))?.[1];
  const record = (start: Pick<FakeQemuStart, "kind" | "state" | "memory">): void =>
    appendFileSync(startsFile, `${JSON.stringify({ ...start, pid: process.pid, folder: process.cwd() })}\n`);
  if (memory === undefined) {
    record({ kind: "cold" });
    openMonitor({});
  } else if (process.argv.includes("-incoming")) {
    record({ kind: "fork", state: readFileSync(3, "utf8"), memory: readFileSync(memory, "utf8") });
    beFork(behaviour.fork);
  } else {
    writeFileSync(memory, MEMORY_TEXT);
    record({ kind: "template" });
    beTemplate(behaviour.template);
  }
}

function beTemplate(fate: TemplateFate): void {
  if (fate === "has a disk that is full") symlinkSync("/dev/full", "state");
  const monitor: Monitor = openMonitor({
    qmp_capabilities: () => {
      monitor.answer();
      if (fate === "ends before the guest is ready") endWith("the guest has powered off");
      if (fate !== "is never ready") monitor.tell("VSERPORT_CHANGE", { id: linkPort(), open: true });
    },
    migrate: ({ uri }) => {
      if (fate === "refuses to be saved") return monitor.refuse("there is no such thing as a state");
      monitor.answer();
      save(monitor, String(uri).replace("unix:", ""), fate);
    },
  });
}

function save(monitor: Monitor, path: string, fate: TemplateFate): void {
  const socket = createConnection(path);
  const end = (status: string): void => monitor.tell("MIGRATION", { status });
  socket.once("error", () => end("failed"));
  if (fate === "is killed while its state is written")
    socket.write("half a st", () => process.kill(process.pid, "SIGKILL"));
  else if (fate === "cannot write its state") socket.end("half a st", () => end("failed"));
  // Without a reader it would notice nothing: it goes on writing until it is told.
  else if (fate === "has a disk that is full") socket.write(STATE_TEXT);
  else socket.end(STATE_TEXT, () => end("completed"));
}

function beFork(fate: ForkFate): void {
  const monitor: Monitor = openMonitor({
    "migrate-incoming": () => {
      if (fate === "never comes back") return;
      if (fate === "refuses the state") return monitor.refuse("there is no such state");
      monitor.answer();
      if (fate === "ends over the state") endWith("load of migration failed");
      monitor.tell("MIGRATION", { status: "active" });
      monitor.tell("MIGRATION", { status: fate === "fails on the state" ? "failed" : "completed" });
    },
    cont: () => {
      if (fate === "does not go on") monitor.refuse("the disk is locked");
      else monitor.answer();
    },
  });
}

/** As QEMU does: its word on standard error, then its connections end, then it. */
function endWith(complaint: string): never {
  process.stderr.write(`qemu-system-x86_64: ${complaint}\n`);
  process.exit(1);
}

/** The link's port, as this QEMU was told to call it. */
function linkPort(): string | undefined {
  return /virtserialport,id=([^,]+),chardev=link/.exec(process.argv.join(" "))?.[1];
}

type Commands = Readonly<Record<string, (args: Readonly<Record<string, unknown>>) => void>>;

/** The machine protocol's far side. */
interface Monitor {
  answer(): void;
  refuse(desc: string): void;
  tell(event: string, data: object): void;
}

/** Calls the starter. Commands that are not listed succeed. */
function openMonitor(commands: Commands): Monitor {
  const socket = createConnection("start.sock");
  const send = (message: object): void => void socket.write(`${JSON.stringify(message)}\n`);
  const monitor: Monitor = {
    answer: () => send({ return: {} }),
    refuse: (desc) => send({ error: { class: "GenericError", desc } }),
    tell: (event, data) => send({ event, data }),
  };
  send({ QMP: {} });
  createInterface(socket).on("line", (line) => {
    const { execute, arguments: args } = JSON.parse(line) as { execute: string; arguments: object };
    const command = commands[execute] ?? (() => monitor.answer());
    command({ ...args });
  });
  return monitor;
}
