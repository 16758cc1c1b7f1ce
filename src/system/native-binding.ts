import type { CrashPlan, CrashRecord, Upgrade } from "./crash-plan.ts";
import type { RingState } from "./process-streams.ts";
import type {
  BackdoorAccess,
  ChildStatus,
  MountAttributes,
  MountNamespace,
  NamespaceStep,
  SpawnRequest,
  Text,
} from "./system.ts";

/**
 * What the addon `tether.node` (`native/addon`) exports. Its functions check their arguments (TypeError)
 * and throw a {@link NativeError} when the kernel refuses; {@link LinuxSystem} is their only user.
 */
export interface NativeBinding {
  mount(source: string | null, target: string, type: string | null, flags: number, data: string | null): void;
  unmount(target: string, flags: number): void;
  mountAside(
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null,
  ): Promise<void>;
  unmountAside(target: string, flags: number): Promise<void>;
  attachMount(namespace: number, source: string, target: number, attributes: MountAttributes): void;
  detachMount(namespace: number, path: Text, flags: number): void;
  loadModule(path: string, parameters: string): void;
  setHostname(name: string): void;
  setDomainname(name: string): void;
  sync(): void;
  reboot(action: string): void;
  setInterfaceUp(name: string): void;
  netlink(protocol: number, requests: Uint8Array): Uint8Array;
  spawn(program: SpawnRequest): number;
  kill(pid: number, signal: number): void;
  pipe(): [number, number];
  memoryFile(name: string, content: Uint8Array): number;
  changeOwner(descriptor: number, uid: number, gid: number): void;
  setWindowSize(
    descriptor: number,
    columns: number,
    rows: number,
    widthPixels: number,
    heightPixels: number,
  ): void;
  setRawMode(descriptor: number): void;
  /** fcntl(2) O_NONBLOCK; concerns everyone who shares the open file. */
  setNonBlocking(descriptor: number): void;
  openInRoot(root: number, path: Text, flags: number, mode: number): number;
  listAttributes(descriptor: number): Uint8Array;
  getAttribute(descriptor: number, name: Text): Uint8Array;
  setAttribute(descriptor: number, name: Text, value: Uint8Array): void;
  setTimes(descriptor: number, accessedNs: bigint | undefined, modifiedNs: bigint | undefined): void;
  makeNode(directory: number, name: Text, mode: number, major: number, minor: number): void;
  seekData(descriptor: number, offset: number): number | undefined;
  seekHole(descriptor: number, offset: number): number | undefined;
  createMountNamespace(root: string, steps: readonly NamespaceStep[]): MountNamespace;
  /** Calls the listener with a socket for each connection, or with the error that ends the bridge. */
  bridgeDevice(
    path: string,
    listener: (socket: number | undefined, error: NativeError | undefined) => void,
    isInterrupted: boolean,
  ): BridgeHandle;
  /** Calls the listener with each message, or with the error that ends it. */
  watchUevents(listener: (message: string | undefined, error: NativeError | undefined) => void): BridgeHandle;
  /** As watchUevents; a datagram each. */
  watchNetwork(listener: (message: string | undefined, error: NativeError | undefined) => void): BridgeHandle;
  /** At most once per handle. */
  closeBridge(handle: BridgeHandle): Promise<void>;
  readFwCfg(name: string): Uint8Array | undefined;
  probeBackdoor(): BackdoorAccess;
  rpci(request: Uint8Array): Uint8Array;
  rpciAside(request: Uint8Array): Promise<Uint8Array>;
  seedRandom(seed: Uint8Array): void;
  setClock(milliseconds: number): void;
  attachDeviceProgram(cgroup: number, program: Uint8Array): void;
  replaceProcess(path: string, args: readonly Text[], env: readonly Text[]): void;
  watchChildren(listener: () => void): void;
  closeChildWatch(): void;
  expectChild(pid: number): void;
  peekChild(): ChildStatus | undefined;
  reapChild(pid: number): ChildStatus | undefined;
  keepDescriptor(descriptor: number): void;
  closeOnExec(descriptor: number): void;
  awaitKernel(): void;
  trimMemory(): void;
  readFiles(
    descriptors: Int32Array,
    places: Int32Array,
    content: Uint8Array,
    clocks: Float64Array,
    numbers: Int32Array,
    values: Float64Array,
    changed: Int32Array,
    recorder: RecorderHandle | undefined,
  ): number;
  openRecorder(
    ring: number,
    paths: readonly string[],
    fileCount: number,
    description: Uint8Array,
    periodMs: number,
    keepMs: number,
  ): RecorderHandle;
  readRecorder(recorder: RecorderHandle): Buffer;
  closeRecorder(recorder: RecorderHandle): void;
  /** For the executable's boot script (scripts/agent/bootstrap.cjs). */
  externalText(bytes: ArrayBuffer): string;
  makePacketCipher(key: Uint8Array, iv: Uint8Array): PacketCipherHandle;
  sealPacket(cipher: PacketCipherHandle, packet: Uint8Array): void;
  openPacket(cipher: PacketCipherHandle, length: number, body: Uint8Array, tag: Uint8Array): boolean;
  makeRing(capacity: number): number;
  openRing(descriptor: number, source: number | undefined, listener: () => void): RingHandle;
  ringState(ring: RingHandle): NativeRingState;
  readRing(ring: RingHandle, offset: number, maxBytes: number): Buffer | undefined;
  releaseRing(ring: RingHandle, offset: number): void;
  limitRing(ring: RingHandle, offset: number): void;
  catchUpRing(ring: RingHandle): void;
  endRing(ring: RingHandle): void;
  closeRing(ring: RingHandle): void;
  makeInput(): number;
  openInput(descriptor: number, target: number, listener: () => void): InputHandle;
  inputWritten(input: InputHandle): number;
  writeInput(input: InputHandle, bytes: Uint8Array): number;
  closeInput(input: InputHandle): void;
  makeCrashRecord(): number;
  readCrashRecord(record: number): CrashRecord;
  installCrashHandler(plan: CrashPlan): void;
  restart(reason: string): void;
  upgrade(upgrade: Upgrade): void;
  settleUpgrade(image: string): void;
  /** Nested calls are counted. */
  enterSection(): void;
  leaveSection(): void;
}

/** A ring's state as the addon gives it. */
export interface NativeRingState extends Omit<RingState, "error"> {
  readonly error?: NativeError;
}

/** The addon's own reference to a cipher. */
export type PacketCipherHandle = object & { readonly opaquePacketCipher: unique symbol };

/** The addon's own reference to an open ring. */
export type RingHandle = object & { readonly opaqueRing: unique symbol };

/** The addon's own reference to a recorder. */
export type RecorderHandle = object & { readonly opaqueRecorder: unique symbol };

/** The addon's own reference to an open input. */
export type InputHandle = object & { readonly opaqueInput: unique symbol };

/** The addon's own reference to a running bridge; meaningful to `closeBridge` only. */
export type BridgeHandle = object & { readonly opaque: unique symbol };

/** An errno as the addon throws it. */
export interface NativeError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly reason: string;
  readonly path?: string;
}
