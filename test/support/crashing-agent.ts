/**
 * An agent in miniature, for crash.test.ts: PID 1 of a namespace, which crashes all the time and goes on where it
 * was. It copies the output of three processes (two pipes, one terminal) into files, copies a pattern into a fourth
 * process, and notes how short-lived children end, until a file `enough` appears. What it has to remember is
 * `state.json`.
 *
 * Argument: a folder with `pattern`, `bursts.sh` and `collect.sh`.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { CRASH_VARIABLE, FATAL_SIGNALS } from "../../src/system/crash-plan.ts";
import type { CountedInput, Ring } from "../../src/system/process-streams.ts";
import { linux as system } from "../unit/system/linux.ts";
import { openPty } from "../unit/system/pty.ts";

/** Small, so that the processes wait for room again and again. */
const RING_BYTES = 128 * 1024;
const PIECE_BYTES = 64 * 1024;
const CHILDREN_AT_ONCE = 3;

interface Stream {
  readonly file: string;
  readonly ring: number;
  readonly source: number;
}

interface State {
  readonly record: number;
  readonly streams: readonly Stream[];
  readonly input: { readonly count: number; target: number | undefined };
  /** The status that each child which has not ended is to have. */
  readonly running: Record<string, number>;
  /** Expected and seen. */
  readonly statuses: [expected: number, seen: number | undefined][];
  started: number;
}

const [folder = ""] = process.argv.slice(2);
const crash = process.env[CRASH_VARIABLE];
if (crash !== undefined) appendFileSync(`${folder}/crashes`, `${crash}\n`);
const state =
  crash === undefined ? start() : (JSON.parse(readFileSync(`${folder}/state.json`, "utf8")) as State);

system.installCrashHandler({
  path: process.execPath,
  args: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
  env: Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`),
  signals: FATAL_SIGNALS,
  record: state.record,
  powersOff: false,
  atExit: true,
});
const unfinished = new Set(["input", "children", ...state.streams.map(({ file }) => file)]);
for (const stream of state.streams) follow(stream);
feed();
for (const pid of Object.keys(state.running)) system.expectChild(Number(pid));
system.watchChildren({ onEnded: tend });
tend();
writeFileSync(`${folder}/ready`, String(system.readCrashRecord(state.record).count));
// As the agent of a container VM, this one never ends by itself.
setInterval(() => {}, 1000);

function start(): State {
  const streams = [1, 2].map((number): Stream => {
    const [source, theirs] = system.pipe();
    spawn(`exec ${folder}/bursts.sh`, [undefined, theirs, 2]);
    closeSync(theirs);
    return { file: `pipe-${number}`, ring: system.makeRing(RING_BYTES), source };
  });
  const { master, slave } = openPty();
  spawn(`stty -opost; exec ${folder}/bursts.sh`, [slave, slave, 2]);
  closeSync(slave);
  streams.push({ file: "terminal", ring: system.makeRing(RING_BYTES), source: master });
  const [theirs, target] = system.pipe();
  spawn(`exec ${folder}/collect.sh`, [theirs, undefined, 2]);
  closeSync(theirs);
  const input = { count: system.makeInput(), target };
  const record = system.makeCrashRecord();
  for (const { ring, source } of streams) [ring, source].forEach((each) => system.keepDescriptor(each));
  [record, input.count, target].forEach((each) => system.keepDescriptor(each));
  const fresh: State = { record, streams, input, running: {}, statuses: [], started: 0 };
  save(fresh);
  return fresh;
}

function spawn(script: string, descriptors: readonly (number | undefined)[]): number {
  const args = ["sh", "-c", script];
  return system.spawn({ path: "/bin/sh", args, env: ["PATH=/usr/bin:/bin"], descriptors });
}

function save(changed: State): void {
  writeFileSync(`${folder}/state.new`, JSON.stringify(changed));
  renameSync(`${folder}/state.new`, `${folder}/state.json`);
}

function isEnough(): boolean {
  return existsSync(`${folder}/enough`);
}

/** Every byte goes to its offset of the file and then, no sooner, it is released. */
function follow({ file, ring: descriptor, source }: Stream): void {
  const path = `${folder}/${file}`;
  const target = openSync(path, existsSync(path) ? "r+" : "w");
  let ring: Ring | undefined;
  const copy = (): void => {
    if (ring === undefined) return;
    let offset = ring.state().start;
    for (let piece = ring.read(offset, PIECE_BYTES); piece !== undefined; ) {
      writeSync(target, piece, 0, piece.length, offset);
      offset += piece.length;
      ring.release(offset);
      piece = ring.read(offset, PIECE_BYTES);
    }
    const { end, hasEnded } = ring.state();
    if (!hasEnded || offset < end) return;
    writeFileSync(`${path}.total`, String(end));
    ring.close();
    ring = undefined;
    finish(file);
  };
  ring = system.openRing(descriptor, source, { onChange: copy });
  copy();
}

/** Writes the pattern over and over. */
function feed(): void {
  const { count, target } = state.input;
  if (target === undefined) {
    finish("input");
    return;
  }
  const pattern = readFileSync(`${folder}/pattern`);
  let input: CountedInput | undefined;
  const write = (): void => {
    if (input === undefined) return;
    let written = input.writtenBytes();
    while (!isEnough()) {
      const piece = pattern.subarray(written % pattern.length);
      if (input.write(piece) < piece.length) return;
      written = input.writtenBytes();
    }
    writeFileSync(`${folder}/input.total`, String(written));
    input.close();
    input = undefined;
    system.uninterrupted(() => {
      state.input.target = undefined;
      save(state);
      closeSync(target);
    });
    finish("input");
  };
  input = system.openInput(count, target, { onWritable: write });
  write();
}

/** Notes how children ended, and only then lets the kernel forget them; starts others. */
function tend(): void {
  for (let child = system.peekChild(); child !== undefined; child = system.peekChild()) {
    const expected = state.running[child.pid];
    system.uninterrupted(() => {
      if (expected !== undefined) {
        delete state.running[child.pid];
        state.statuses.push([expected, child.code]);
        save(state);
      }
      system.reapChild(child.pid);
    });
  }
  while (!isEnough() && Object.keys(state.running).length < CHILDREN_AT_ONCE) {
    system.uninterrupted(() => {
      const code = state.started % 256;
      state.running[spawn(`sleep 0.05; exit ${code}`, [0, 1, 2])] = code;
      state.started += 1;
      save(state);
    });
  }
  if (isEnough() && Object.keys(state.running).length === 0) finish("children");
}

function finish(part: string): void {
  unfinished.delete(part);
  if (unfinished.size === 0) writeFileSync(`${folder}/done`, "");
}
