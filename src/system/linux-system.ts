import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isatty } from "node:tty";
import type { CrashPlan, CrashRecord, Upgrade } from "./crash-plan.ts";
import type {
  BridgeHandle,
  NativeBinding,
  NativeError,
  NativeRingState,
  RecorderHandle,
} from "./native-binding.ts";
import type { CountedInput, InputEvents, Ring, RingEvents, RingState } from "./process-streams.ts";
import type { Recorder, Recording } from "./recorder.ts";
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
} from "./system.ts";
import { SystemCallError } from "./system-call-error.ts";
import { TerminalStream } from "./terminal-stream.ts";

/**
 * Loads the addon from an absolute path with dlopen(3), because the executable holds it as an asset that
 * no `require` finds. The only place that loads it.
 *
 * @throws Error `ERR_DLOPEN_FAILED` when the file is missing or no addon.
 */
export function loadNativeAddon(path: string): NativeBinding {
  const module = { exports: {} };
  process.dlopen(module, path);
  // The addon's exports have this shape by construction (native/addon/register.c).
  return module.exports as NativeBinding;
}

/** {@link System} on Linux: every call is the addon's function of the same name. */
export class LinuxSystem implements System {
  readonly #native: NativeBinding;

  constructor(native: NativeBinding) {
    this.#native = native;
  }

  mount(
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null,
  ): void {
    translated(() => this.#native.mount(source, target, type, flags, data));
  }

  unmount(target: string, flags: number): void {
    translated(() => this.#native.unmount(target, flags));
  }

  mountAside(
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null,
  ): Promise<void> {
    return translatedLater(() => this.#native.mountAside(source, target, type, flags, data));
  }

  unmountAside(target: string, flags: number): Promise<void> {
    return translatedLater(() => this.#native.unmountAside(target, flags));
  }

  attachMount(namespace: number, source: string, target: number, attributes: MountAttributes): void {
    translated(() => this.#native.attachMount(namespace, source, target, attributes));
  }

  detachMount(namespace: number, path: Text, flags: number): void {
    translated(() => this.#native.detachMount(namespace, path, flags));
  }

  loadModule(path: string, parameters: string): void {
    translated(() => this.#native.loadModule(path, parameters));
  }

  awaitKernel(): void {
    this.#native.awaitKernel();
  }

  trimMemory(): void {
    this.#native.trimMemory();
  }

  readFiles(batch: FileBatch): number {
    return readFiles(this.#native, batch, undefined);
  }

  openRecorder({ ring, files, fileSystems, description, periodMs, keepMs }: Recording): Recorder {
    const native = this.#native;
    const paths = [...files, ...fileSystems];
    const handle = translated(() =>
      native.openRecorder(ring, paths, files.length, description, periodMs, keepMs),
    );
    return {
      read: () => translated(() => native.readRecorder(handle)),
      readFiles: (batch) => readFiles(native, batch, handle),
      close: () => native.closeRecorder(handle),
    };
  }

  setHostname(name: string): void {
    translated(() => this.#native.setHostname(name));
  }

  setDomainname(name: string): void {
    translated(() => this.#native.setDomainname(name));
  }

  sync(): void {
    this.#native.sync();
  }

  reboot(action: "power-off" | "restart" | "halt"): void {
    translated(() => this.#native.reboot(action));
  }

  setInterfaceUp(name: string): void {
    translated(() => this.#native.setInterfaceUp(name));
  }

  netlink(protocol: number, requests: Uint8Array): Uint8Array {
    return translated(() => this.#native.netlink(protocol, requests));
  }

  spawn(program: SpawnRequest): number {
    return translated(() => this.#native.spawn(program));
  }

  kill(pid: number, signal: number): void {
    translated(() => this.#native.kill(pid, signal));
  }

  pipe(): [number, number] {
    return translated(() => this.#native.pipe());
  }

  memoryFile(name: string, content: Uint8Array): number {
    return translated(() => this.#native.memoryFile(name, content));
  }

  changeOwner(descriptor: number, uid: number, gid: number): void {
    translated(() => this.#native.changeOwner(descriptor, uid, gid));
  }

  setWindowSize(descriptor: number, size: WindowSize): void {
    const { columns, rows, widthPixels = 0, heightPixels = 0 } = size;
    translated(() => this.#native.setWindowSize(descriptor, columns, rows, widthPixels, heightPixels));
  }

  setRawMode(descriptor: number): void {
    translated(() => this.#native.setRawMode(descriptor));
  }

  openInRoot(root: number, path: Text, flags: number, mode: number): number {
    return translated(() => this.#native.openInRoot(root, path, flags, mode));
  }

  listAttributes(descriptor: number): Uint8Array {
    return translated(() => this.#native.listAttributes(descriptor));
  }

  getAttribute(descriptor: number, name: Text): Uint8Array {
    return translated(() => this.#native.getAttribute(descriptor, name));
  }

  setAttribute(descriptor: number, name: Text, value: Uint8Array): void {
    translated(() => this.#native.setAttribute(descriptor, name, value));
  }

  setTimes(descriptor: number, accessedNs: bigint | undefined, modifiedNs: bigint | undefined): void {
    translated(() => this.#native.setTimes(descriptor, accessedNs, modifiedNs));
  }

  makeNode(directory: number, name: Text, mode: number, major: number, minor: number): void {
    translated(() => this.#native.makeNode(directory, name, mode, major, minor));
  }

  seekData(descriptor: number, offset: number): number | undefined {
    return translated(() => this.#native.seekData(descriptor, offset));
  }

  seekHole(descriptor: number, offset: number): number | undefined {
    return translated(() => this.#native.seekHole(descriptor, offset));
  }

  createMountNamespace(root: string, steps: readonly NamespaceStep[]): MountNamespace {
    return translated(() => this.#native.createMountNamespace(root, steps));
  }

  bridgeDevice(path: string, events: BridgeEvents, isInterrupted: boolean): Bridge {
    const listener = (socket: number | undefined, error: NativeError | undefined): void => {
      if (socket !== undefined) events.onConnection(socket);
      else if (error !== undefined) events.onError(toSystemCallError(error));
    };
    return this.#bridge(translated(() => this.#native.bridgeDevice(path, listener, isInterrupted)));
  }

  watchUevents(events: UeventEvents): Bridge {
    return this.#bridge(translated(() => this.#native.watchUevents(listenerOf(events))));
  }

  watchNetwork(events: UeventEvents): Bridge {
    return this.#bridge(translated(() => this.#native.watchNetwork(listenerOf(events))));
  }

  readFwCfg(name: string): Uint8Array | undefined {
    return translated(() => this.#native.readFwCfg(name));
  }

  probeBackdoor(): BackdoorAccess {
    return translated(() => this.#native.probeBackdoor());
  }

  rpci(request: Uint8Array): Uint8Array {
    return translated(() => this.#native.rpci(request));
  }

  rpciAside(request: Uint8Array): Promise<Uint8Array> {
    return translatedLater(() => this.#native.rpciAside(request));
  }

  seedRandom(seed: Uint8Array): void {
    translated(() => this.#native.seedRandom(seed));
  }

  setClock(milliseconds: number): void {
    translated(() => this.#native.setClock(milliseconds));
  }

  attachDeviceProgram(cgroup: number, program: Uint8Array): void {
    translated(() => this.#native.attachDeviceProgram(cgroup, program));
  }

  replaceProcess(path: string, args: readonly Text[], env: readonly Text[]): void {
    translated(() => this.#native.replaceProcess(path, args, env));
  }

  watchChildren(events: ChildEvents): ChildWatch {
    translated(() => this.#native.watchChildren(() => events.onEnded()));
    return { close: () => this.#native.closeChildWatch() };
  }

  expectChild(pid: number): void {
    translated(() => this.#native.expectChild(pid));
  }

  peekChild(): ChildStatus | undefined {
    return translated(() => this.#native.peekChild());
  }

  reapChild(pid: number): ChildStatus | undefined {
    return translated(() => this.#native.reapChild(pid));
  }

  keepDescriptor(descriptor: number): void {
    translated(() => this.#native.keepDescriptor(descriptor));
  }

  closeOnExec(descriptor: number): void {
    translated(() => this.#native.closeOnExec(descriptor));
  }

  makeRing(capacityBytes: number): number {
    return translated(() => this.#native.makeRing(capacityBytes));
  }

  openRing(descriptor: number, source: number | undefined, events: RingEvents): Ring {
    const native = this.#native;
    const handle = translated(() => native.openRing(descriptor, source, () => events.onChange()));
    return {
      state: () => translated(() => toRingState(native.ringState(handle))),
      read: (offset, maxBytes) => translated(() => native.readRing(handle, offset, maxBytes)),
      release: (offset) => translated(() => native.releaseRing(handle, offset)),
      setLimit: (offset) => translated(() => native.limitRing(handle, offset)),
      catchUp: () => translated(() => native.catchUpRing(handle)),
      end: () => translated(() => native.endRing(handle)),
      close: () => native.closeRing(handle),
    };
  }

  makeInput(): number {
    return translated(() => this.#native.makeInput());
  }

  openInput(descriptor: number, target: number, events: InputEvents): CountedInput {
    const native = this.#native;
    const handle = translated(() => native.openInput(descriptor, target, () => events.onWritable()));
    return {
      writtenBytes: () => translated(() => native.inputWritten(handle)),
      write: (bytes) => translated(() => native.writeInput(handle, bytes)),
      close: () => native.closeInput(handle),
    };
  }

  makeCrashRecord(): number {
    return translated(() => this.#native.makeCrashRecord());
  }

  readCrashRecord(record: number): CrashRecord {
    return translated(() => this.#native.readCrashRecord(record));
  }

  installCrashHandler(plan: CrashPlan): void {
    translated(() => this.#native.installCrashHandler(plan));
  }

  restart(reason: string): never {
    translated(() => this.#native.restart(reason));
    throw new Error("unreachable: the process was replaced");
  }

  upgrade(upgrade: Upgrade): never {
    translated(() => this.#native.upgrade(upgrade));
    throw new Error("unreachable: the process was replaced");
  }

  settleUpgrade(image: string): void {
    translated(() => this.#native.settleUpgrade(image));
  }

  uninterrupted(work: () => void): void {
    this.#native.enterSection();
    try {
      work();
    } finally {
      this.#native.leaveSection();
    }
  }

  adoptStream(descriptor: number, kind: "read" | "write" | "duplex"): Duplex {
    if (kind === "duplex" && isatty(descriptor)) {
      translated(() => this.#native.setNonBlocking(descriptor));
      return new TerminalStream(descriptor);
    }
    return new Socket({
      fd: descriptor,
      readable: kind !== "write",
      writable: kind !== "read",
    });
  }

  #bridge(handle: BridgeHandle): Bridge {
    let closing: Promise<void> | undefined;
    return {
      close: () => {
        closing ??= this.#native.closeBridge(handle);
        return closing;
      },
    };
  }
}

function listenerOf(events: UeventEvents) {
  return (message: string | undefined, error: NativeError | undefined): void => {
    if (message !== undefined) events.onMessage(message);
    else if (error !== undefined) events.onError(toSystemCallError(error));
  };
}

function toRingState({ start, end, hasEnded, error }: NativeRingState): RingState {
  const state = { start, end, hasEnded };
  return error === undefined ? state : { ...state, error: toSystemCallError(error) };
}

/** Runs a native call; what the kernel refused becomes a {@link SystemCallError}, the rest passes. */
async function translatedLater<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw isNativeError(error) ? toSystemCallError(error) : error;
  }
}

function translated<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw isNativeError(error) ? toSystemCallError(error) : error;
  }
}

function isNativeError(error: unknown): error is NativeError {
  return error instanceof Error && "syscall" in error && "errno" in error && "reason" in error;
}

function toSystemCallError(error: NativeError): SystemCallError {
  return new SystemCallError(error.code, error.errno, error.syscall, error.reason, error.path);
}

function readFiles(native: NativeBinding, batch: FileBatch, recorder: RecorderHandle | undefined): number {
  const { descriptors, places, content, clocks, numbers, values, changed } = batch;
  return native.readFiles(descriptors, places, content, clocks, numbers, values, changed, recorder);
}
