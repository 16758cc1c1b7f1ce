import { constants } from "node:os";
import { type Duplex, PassThrough } from "node:stream";
import type { CrashPlan, CrashRecord, Upgrade } from "../../src/system/crash-plan.ts";
import type { CountedInput, InputEvents, Ring, RingEvents } from "../../src/system/process-streams.ts";
import type {
  BackdoorAccess,
  Bridge,
  BridgeEvents,
  ChildEvents,
  ChildStatus,
  ChildWatch,
  FileBatch,
  MountAttributes,
  MountNamespace,
  NamespaceStep,
  SpawnRequest,
  System,
  Text,
  UeventEvents,
  WindowSize,
} from "../../src/system/system.ts";
import type { Recorder, Recording } from "../../src/system/recorder.ts";
import { SystemCallError } from "../../src/system/system-call-error.ts";

/** One call that was made, with its arguments as given. */
export interface RecordedCall {
  readonly call: keyof System;
  readonly args: readonly unknown[];
}

/** What a call does in place of the default. */
export type Answer<Name extends keyof System> = (
  ...args: Parameters<System[Name]>
) => ReturnType<System[Name]>;

/** The first pid and the first descriptor that are made up; each next one is one higher. */
const FIRST_PID = 100;
const FIRST_DESCRIPTOR = 1000;

/**
 * A {@link System} that does nothing and records every call in order.
 *
 * By default each call succeeds: `spawn` gives new pids, whatever opens something gives new descriptors
 * (which are no real ones), `peekChild` has nobody to report, `adoptStream` gives an empty PassThrough, and a
 * bridge, a ring and an input stay idle. {@link answer} and {@link fail} change that per call.
 */
export class RecordingSystem implements System {
  /** Every call so far, the first one first. */
  readonly calls: RecordedCall[] = [];
  readonly #answers = new Map<keyof System, (...args: never[]) => unknown>();
  #nextPid = FIRST_PID;
  #nextDescriptor = FIRST_DESCRIPTOR;

  /** Lets `answer` decide what a call does from now on; it is recorded as well. */
  answer<Name extends keyof System>(call: Name, answer: Answer<Name>): this {
    this.#answers.set(call, answer);
    return this;
  }

  /**
   * Lets a call fail with this errno (`"ENOENT"`), each time or only where `when` says so.
   * The error's path is the call's first argument that is a string.
   */
  fail<Name extends keyof System>(
    call: Name,
    code: string,
    when: (...args: Parameters<System[Name]>) => boolean = () => true,
  ): this {
    const before = this.#answers.get(call) as Answer<Name> | undefined;
    return this.answer(call, (...args) => {
      if (when(...args)) throw systemCallError(code, call, args);
      return (before ?? this.#byDefault(call))(...args);
    });
  }

  /** The arguments of every call of this name, in order. */
  argumentsOf<Name extends keyof System>(call: Name): Parameters<System[Name]>[] {
    const matching = this.calls.filter((recorded) => recorded.call === call);
    return matching.map((recorded) => recorded.args as Parameters<System[Name]>);
  }

  mount(...args: [string | null, string, string | null, number, string | null]): void {
    this.#record("mount", args);
  }

  unmount(...args: [target: string, flags: number]): void {
    this.#record("unmount", args);
  }

  mountAside(...args: [string | null, string, string | null, number, string | null]): Promise<void> {
    return this.#record("mountAside", args);
  }

  unmountAside(...args: [target: string, flags: number]): Promise<void> {
    return this.#record("unmountAside", args);
  }

  attachMount(
    ...args: [namespace: number, source: string, target: number, attributes: MountAttributes]
  ): void {
    this.#record("attachMount", args);
  }

  detachMount(...args: [namespace: number, path: Text, flags: number]): void {
    this.#record("detachMount", args);
  }

  loadModule(...args: [path: string, parameters: string]): void {
    this.#record("loadModule", args);
  }

  awaitKernel(): void {
    this.#record("awaitKernel", []);
  }

  trimMemory(): void {
    this.#record("trimMemory", []);
  }

  setHostname(...args: [name: string]): void {
    this.#record("setHostname", args);
  }

  setDomainname(...args: [name: string]): void {
    this.#record("setDomainname", args);
  }

  sync(): void {
    this.#record("sync", []);
  }

  reboot(...args: ["power-off" | "restart" | "halt"]): void {
    this.#record("reboot", args);
  }

  setInterfaceUp(...args: [name: string]): void {
    this.#record("setInterfaceUp", args);
  }

  netlink(...args: [protocol: number, requests: Uint8Array]): Uint8Array {
    return this.#record("netlink", args);
  }

  spawn(...args: [program: SpawnRequest]): number {
    return this.#record("spawn", args);
  }

  kill(...args: [pid: number, signal: number]): void {
    this.#record("kill", args);
  }

  pipe(): [number, number] {
    return this.#record("pipe", []);
  }

  memoryFile(...args: [name: string, content: Uint8Array]): number {
    return this.#record("memoryFile", args);
  }

  changeOwner(...args: [descriptor: number, uid: number, gid: number]): void {
    this.#record("changeOwner", args);
  }

  setWindowSize(...args: [descriptor: number, size: WindowSize]): void {
    this.#record("setWindowSize", args);
  }

  setRawMode(...args: [descriptor: number]): void {
    this.#record("setRawMode", args);
  }

  openInRoot(...args: [root: number, path: Text, flags: number, mode: number]): number {
    return this.#record("openInRoot", args);
  }

  listAttributes(...args: [descriptor: number]): Uint8Array {
    return this.#record("listAttributes", args);
  }

  getAttribute(...args: [descriptor: number, name: Text]): Uint8Array {
    return this.#record("getAttribute", args);
  }

  setAttribute(...args: [descriptor: number, name: Text, value: Uint8Array]): void {
    this.#record("setAttribute", args);
  }

  setTimes(
    ...args: [descriptor: number, accessedNs: bigint | undefined, modifiedNs: bigint | undefined]
  ): void {
    this.#record("setTimes", args);
  }

  makeNode(...args: [directory: number, name: Text, mode: number, major: number, minor: number]): void {
    this.#record("makeNode", args);
  }

  seekData(...args: [descriptor: number, offset: number]): number | undefined {
    return this.#record("seekData", args);
  }

  seekHole(...args: [descriptor: number, offset: number]): number | undefined {
    return this.#record("seekHole", args);
  }

  createMountNamespace(...args: [root: string, steps: readonly NamespaceStep[]]): MountNamespace {
    return this.#record("createMountNamespace", args);
  }

  bridgeDevice(...args: [path: string, events: BridgeEvents, isInterrupted: boolean]): Bridge {
    return this.#record("bridgeDevice", args);
  }

  watchUevents(...args: [events: UeventEvents]): Bridge {
    return this.#record("watchUevents", args);
  }

  watchNetwork(...args: [events: UeventEvents]): Bridge {
    return this.#record("watchNetwork", args);
  }

  readFwCfg(...args: [name: string]): Uint8Array | undefined {
    return this.#record("readFwCfg", args);
  }

  probeBackdoor(...args: []): BackdoorAccess {
    return this.#record("probeBackdoor", args);
  }

  rpci(...args: [request: Uint8Array]): Uint8Array {
    return this.#record("rpci", args);
  }

  rpciAside(...args: [request: Uint8Array]): Promise<Uint8Array> {
    return this.#record("rpciAside", args);
  }

  seedRandom(...args: [seed: Uint8Array]): void {
    this.#record("seedRandom", args);
  }

  setClock(...args: [milliseconds: number]): void {
    this.#record("setClock", args);
  }

  attachDeviceProgram(...args: [cgroup: number, program: Uint8Array]): void {
    this.#record("attachDeviceProgram", args);
  }

  replaceProcess(...args: [path: string, args: readonly Text[], env: readonly Text[]]): void {
    this.#record("replaceProcess", args);
  }

  watchChildren(...args: [events: ChildEvents]): ChildWatch {
    return this.#record("watchChildren", args);
  }

  expectChild(...args: [pid: number]): void {
    this.#record("expectChild", args);
  }

  peekChild(): ChildStatus | undefined {
    return this.#record("peekChild", []);
  }

  reapChild(...args: [pid: number]): ChildStatus | undefined {
    return this.#record("reapChild", args);
  }

  keepDescriptor(...args: [descriptor: number]): void {
    this.#record("keepDescriptor", args);
  }

  closeOnExec(...args: [descriptor: number]): void {
    this.#record("closeOnExec", args);
  }

  makeRing(...args: [capacityBytes: number]): number {
    return this.#record("makeRing", args);
  }

  openRing(...args: [descriptor: number, source: number | undefined, events: RingEvents]): Ring {
    return this.#record("openRing", args);
  }

  makeInput(): number {
    return this.#record("makeInput", []);
  }

  openInput(...args: [descriptor: number, target: number, events: InputEvents]): CountedInput {
    return this.#record("openInput", args);
  }

  makeCrashRecord(): number {
    return this.#record("makeCrashRecord", []);
  }

  readCrashRecord(...args: [record: number]): CrashRecord {
    return this.#record("readCrashRecord", args);
  }

  installCrashHandler(...args: [plan: CrashPlan]): void {
    this.#record("installCrashHandler", args);
  }

  restart(...args: [reason: string]): never {
    this.#record("restart", args);
    throw new Error("restarted");
  }

  upgrade(...args: [upgrade: Upgrade]): never {
    this.#record("upgrade", args);
    throw new Error("upgraded");
  }

  settleUpgrade(...args: [image: string]): void {
    this.#record("settleUpgrade", args);
  }

  readFiles(...args: [batch: FileBatch]): number {
    this.#record("readFiles", args);
    return 0;
  }

  openRecorder(...args: [recording: Recording]): Recorder {
    return this.#record("openRecorder", args);
  }

  /** Not recorded: what counts is the calls in it. */
  uninterrupted(work: () => void): void {
    work();
  }

  adoptStream(...args: [descriptor: number, kind: "read" | "write" | "duplex"]): Duplex {
    return this.#record("adoptStream", args);
  }

  #record<Name extends keyof System>(call: Name, args: Parameters<System[Name]>): ReturnType<System[Name]> {
    this.calls.push({ call, args });
    const answer = this.#answers.get(call) as Answer<Name> | undefined;
    return (answer ?? this.#byDefault(call))(...args);
  }

  #byDefault<Name extends keyof System>(call: Name): Answer<Name> {
    const defaults: { readonly [Call in keyof System]?: () => unknown } = {
      netlink: () => new Uint8Array(),
      spawn: () => this.#nextPid++,
      pipe: () => [this.#nextDescriptor++, this.#nextDescriptor++],
      memoryFile: () => this.#nextDescriptor++,
      openInRoot: () => this.#nextDescriptor++,
      listAttributes: () => new Uint8Array(),
      getAttribute: () => new Uint8Array(),
      createMountNamespace: () => ({
        namespace: this.#nextDescriptor++,
        root: this.#nextDescriptor++,
      }),
      mountAside: () => Promise.resolve(),
      unmountAside: () => Promise.resolve(),
      probeBackdoor: () => "none",
      bridgeDevice: () => ({ close: () => Promise.resolve() }),
      watchUevents: () => ({ close: () => Promise.resolve() }),
      watchNetwork: () => ({ close: () => Promise.resolve() }),
      watchChildren: () => ({ close: () => {} }),
      makeRing: () => this.#nextDescriptor++,
      openRing: () => IDLE_RING,
      makeInput: () => this.#nextDescriptor++,
      openInput: () => IDLE_INPUT,
      makeCrashRecord: () => this.#nextDescriptor++,
      readCrashRecord: () => ({ count: 0, latest: [] }),
      adoptStream: () => new PassThrough(),
    };
    // Each default gives what its own call returns; those left out return nothing.
    return (defaults[call] ?? (() => undefined)) as Answer<Name>;
  }
}

/** A ring whose source says nothing. */
const IDLE_RING: Ring = {
  state: () => ({ start: 0, end: 0, hasEnded: false }),
  read: () => undefined,
  release: () => {},
  setLimit: () => {},
  catchUp: () => {},
  end: () => {},
  close: () => {},
};

/** An input that takes everything and counts nothing. */
const IDLE_INPUT: CountedInput = {
  writtenBytes: () => 0,
  write: (bytes) => bytes.length,
  close: () => {},
};

function systemCallError(code: string, call: string, args: readonly unknown[]): SystemCallError {
  const numbers: Readonly<Record<string, number>> = constants.errno;
  const path = args.find((argument) => typeof argument === "string");
  return new SystemCallError(code, -(numbers[code] ?? 0), call, "made to fail", path);
}
