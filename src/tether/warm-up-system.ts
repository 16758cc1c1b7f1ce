import { openSync } from "node:fs";
import { PassThrough } from "node:stream";
import type { CountedInput, Ring } from "../system/process-streams.ts";
import type { ChildStatus, System } from "../system/system.ts";

/** What each process prints. */
const OUTPUT = Buffer.from("a line\n");

/**
 * A system whose processes print a line; the first runs until it is sent a signal, the others end at once. For the
 * build's warm-up: no call of the kernel is made.
 */
export class WarmUpSystem {
  readonly system: System;
  readonly #exits: Array<PromiseWithResolvers<ChildStatus>> = [];

  constructor() {
    this.system = {
      ...KERNEL,
      spawn: () => this.#spawn(),
      kill: (pid) => this.#end(pid),
    };
  }

  /** How a process ended, as the reaper has it. */
  exitOf(pid: number): Promise<ChildStatus> {
    const exit = this.#exits[pid - 1];
    if (exit === undefined) throw new Error(`there is no process ${pid}`);
    return exit.promise;
  }

  #spawn(): number {
    const pid = this.#exits.push(Promise.withResolvers());
    if (pid > 1) setImmediate(() => this.#end(pid));
    return pid;
  }

  #end(pid: number): void {
    this.#exits[Math.abs(pid) - 1]?.resolve({ pid, code: 0, coreDumped: false });
  }
}

const nothing = (): void => {};
const descriptor = (): number => openSync("/dev/null", "r+");
const absent = (): never => {
  throw Object.assign(new Error("absent"), { code: "ENOENT" });
};

function stream(): PassThrough {
  const output = new PassThrough();
  setImmediate(() => output.end());
  return output;
}

function ring(onChange: () => void): Ring {
  let end = 0;
  setImmediate(() => {
    end = OUTPUT.length;
    onChange();
  });
  return {
    state: () => ({ start: 0, end, hasEnded: end > 0 }),
    read: (offset) => (offset < end ? OUTPUT.subarray(offset) : undefined),
    release: nothing,
    setLimit: nothing,
    catchUp: nothing,
    end: nothing,
    close: nothing,
  };
}

function input(): CountedInput {
  return { writtenBytes: () => 0, write: (bytes) => bytes.length, close: nothing };
}

const KERNEL: System = {
  mount: nothing,
  unmount: nothing,
  mountAside: () => Promise.resolve(),
  unmountAside: () => Promise.resolve(),
  attachMount: nothing,
  detachMount: nothing,
  loadModule: nothing,
  readFwCfg: () => undefined,
  probeBackdoor: () => "none",
  rpci: absent,
  rpciAside: absent,
  seedRandom: nothing,
  setClock: nothing,
  attachDeviceProgram: nothing,
  awaitKernel: nothing,
  trimMemory: nothing,
  readFiles: () => 0,
  openRecorder: () => ({ read: () => Buffer.alloc(0), readFiles: () => 0, close: nothing }),
  setHostname: nothing,
  setDomainname: nothing,
  sync: nothing,
  reboot: nothing,
  setInterfaceUp: nothing,
  netlink: () => new Uint8Array(),
  spawn: absent,
  kill: nothing,
  pipe: () => [descriptor(), descriptor()],
  memoryFile: descriptor,
  changeOwner: nothing,
  setWindowSize: nothing,
  setRawMode: nothing,
  openInRoot: absent,
  listAttributes: () => new Uint8Array(),
  getAttribute: absent,
  setAttribute: nothing,
  setTimes: nothing,
  makeNode: nothing,
  seekData: () => undefined,
  seekHole: () => undefined,
  createMountNamespace: absent,
  bridgeDevice: absent,
  watchNetwork: absent,
  watchUevents: () => ({ close: () => Promise.resolve() }),
  replaceProcess: absent,
  watchChildren: () => ({ close: nothing }),
  expectChild: nothing,
  peekChild: () => undefined,
  reapChild: () => undefined,
  keepDescriptor: nothing,
  closeOnExec: nothing,
  makeRing: descriptor,
  openRing: (_file, _source, events) => ring(() => events.onChange()),
  makeInput: descriptor,
  openInput: input,
  makeCrashRecord: descriptor,
  readCrashRecord: () => ({ count: 0, latest: [] }),
  installCrashHandler: nothing,
  restart: absent,
  upgrade: absent,
  settleUpgrade: nothing,
  uninterrupted: (work) => work(),
  adoptStream: stream,
};
