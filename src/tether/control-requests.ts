import type { Event, Request, Snapshot, Time } from "../protocol/control-messages.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { tether } from "../protocol/generated/control.js";
import { type ContainerSessions, HEALTH_STATUS, readProcesses, type SessionEntry } from "../session/index.ts";
import { decodeRestartPolicy } from "./configuration/decode-life.ts";
import type { ControlTarget, ReplyBody } from "./control-channel.ts";
import { makeExec } from "./exec-request.ts";
import type { UpgradeRequest } from "./upgrade.ts";

/** What the requests need of the agent. */
export interface ControlComponents {
  readonly agentVersion: string;
  /** Undefined while the container could not be made. */
  readonly sessions: ContainerSessions | undefined;
  readonly processes: () => number[];
  /** The container's name of a user. */
  readonly userName: (uid: number) => string;
  readonly events: (afterSequence: number) => Event[];
  readonly stages: () => NonNullable<Snapshot["stages"]>;
  readonly subscribe: ControlTarget["subscribe"];
  readonly acknowledgeExit: () => void;
  readonly powerOff: () => void;
  /** Milliseconds since 1970. */
  readonly setClock: (milliseconds: number) => void;
  /** @param writtenBytes the new file's size. */
  readonly logRotated: (writtenBytes: number) => void;
  /** @param pidsLimit 0 for as many processes as the VM can spare. */
  readonly limitProcesses: (pidsLimit: number) => void;
  /** @param nanoCpus 0 for all CPUs of the VM. */
  readonly limitCpus: (nanoCpus: number) => void;
  /** @returns what was changed. */
  readonly reload: (document: Uint8Array) => Promise<string[]>;
  readonly describeAgent: () => tether.control.AgentState.$Properties;
  /** Returns only by failing: else there is another agent. */
  readonly upgrade: (request: UpgradeRequest) => Promise<never>;
  readonly confirmUpgrade: () => void;
}

/** An agent takes over within 2 s under emulation, on a busy machine within ten. */
const DEFAULT_UPGRADE_LIMIT_S = 30;
const LONGEST_UPGRADE_LIMIT_S = 3600;

/** The year 9999: a clock that is set further breaks whatever formats times. */
const MAX_TIME_MS = Date.UTC(9999, 0);
const MAX_WINDOW = 0xffff;

/**
 * A message has a mebibyte at most. 2048 events and 4160 sessions take some 700 KiB of it without their command
 * lines, which may be of any length; what is over is left out.
 */
const MOST_ARGUMENT_BYTES = 96 * 1024;
const ARGUMENT_OVERHEAD_BYTES = 4;

const { Phase } = tether.control;
const PHASES = {
  created: Phase.CREATED,
  starting: Phase.STARTING,
  running: Phase.RUNNING,
  exited: Phase.EXITED,
  drained: Phase.DRAINED,
  failed: Phase.FAILED,
} as const;

/** Carries out what the host asks for on the control channel (proto/control.proto). */
export class ControlRequests implements ControlTarget {
  readonly #agent: ControlComponents;

  constructor(agent: ControlComponents) {
    this.#agent = agent;
  }

  subscribe(listener: (event: Event) => void): () => void {
    return this.#agent.subscribe(listener);
  }

  carryOut(request: Request): ReplyBody | Promise<ReplyBody> {
    const agent = this.#agent;
    if (request.getSnapshot) return { snapshot: this.#snapshot(request.getSnapshot.afterSequence ?? 0) };
    if (request.acknowledgeExit) agent.acknowledgeExit();
    else if (request.powerOff) agent.powerOff();
    else if (request.setClock) agent.setClock(toMilliseconds(request.setClock.time));
    else if (request.updatePidsLimit) agent.limitProcesses(request.updatePidsLimit.pidsLimit ?? 0);
    else if (request.updateNanoCpus) agent.limitCpus(checkNanoCpus(request.updateNanoCpus.nanoCpus ?? 0));
    else if (request.reload) {
      const document = request.reload.document ?? new Uint8Array();
      return agent.reload(document).then((changes) => ({ reloaded: { changes } }));
    } else if (request.logRotated) agent.logRotated(request.logRotated.writtenBytes ?? 0);
    else if (request.describeAgent) return { agent: agent.describeAgent() };
    else if (request.upgradeAgent) return agent.upgrade(checkUpgrade(request.upgradeAgent));
    else if (request.confirmUpgrade) agent.confirmUpgrade();
    else return this.#carryOutOnContainer(request);
    return {};
  }

  #carryOutOnContainer(request: Request): ReplyBody | Promise<ReplyBody> {
    const { sessions } = this.#agent;
    if (sessions === undefined) throw new TetherError("no-such-session", "the container has no process");
    const { signalSession, createExec, stopSession, resizeSession, updateRestartPolicy } = request;
    if (signalSession) {
      const { sessionId, signal, group } = signalSession;
      sessions.signal(sessionId ?? "", checkSignal(signal ?? 0, 1), group ?? false);
    } else if (createExec) sessions.createExec(makeExec(createExec, sessions.find("").specification));
    else if (stopSession) {
      const { signal, graceMs, defaultGrace } = stopSession;
      sessions.stop(checkSignal(signal ?? 0, 0), defaultGrace ? undefined : (graceMs ?? 0));
    } else if (resizeSession) sessions.resize(resizeSession.sessionId ?? "", checkWindow(resizeSession));
    else if (updateRestartPolicy) {
      const { kind, maximumRetryCount } = updateRestartPolicy;
      sessions.changeRestartPolicy(decodeRestartPolicy(kind ?? 0, maximumRetryCount ?? 0));
    } else if (request.pause) return sessions.pause().then(() => ({}));
    else if (request.unpause) sessions.unpause();
    else if (request.listProcesses) return { processes: this.#listProcesses() };
    else throw new TetherError("link-protocol", "the agent does not know this request");
    return {};
  }

  #snapshot(afterSequence: number): Snapshot {
    const { agentVersion, events, stages, sessions } = this.#agent;
    const room = { bytes: MOST_ARGUMENT_BYTES };
    const kept = events(afterSequence).map((event) => fitEvent(event, room));
    const facts = { agentVersion, events: kept, stages: stages() };
    if (sessions === undefined) return facts;
    const [main] = sessions.entries;
    const sessionRoom = { bytes: MOST_ARGUMENT_BYTES };
    return {
      ...facts,
      inputBytes: main?.session.input.acceptedBytes ?? 0,
      sessions: sessions.entries.map((entry) => describeSession(entry, sessions.isRestarting, sessionRoom)),
      isPaused: sessions.isPaused,
      restartCount: sessions.restartCount,
      health: describeHealth(sessions),
    };
  }

  #listProcesses(): NonNullable<ReplyBody["processes"]> {
    const { processes, userName } = this.#agent;
    return {
      processes: readProcesses(processes()).map((facts) => ({
        ...facts,
        args: [...facts.args],
        user: userName(facts.uid),
      })),
    };
  }
}

function describeSession(
  { id, session, specification, isPrivileged, isOutOfMemory, startedAt, finishedAt }: SessionEntry,
  isRestarting: boolean,
  room: { bytes: number },
): tether.control.SessionState.$Properties {
  const { state, outputBytes } = session;
  return {
    id,
    phase: id === "" && isRestarting ? Phase.RESTARTING : PHASES[state.phase],
    pid: "pid" in state ? state.pid : 0,
    exit: "exit" in state ? { ...state.exit, outOfMemory: isOutOfMemory } : null,
    error: "error" in state ? { code: state.error.code, message: state.error.message } : null,
    inputBytes: session.input.acceptedBytes,
    outputBytes: outputBytes.output,
    errorOutputBytes: outputBytes.errorOutput,
    tty: specification.tty,
    openStdin: specification.openStdin,
    args: fitArguments(specification.args, room),
    user: specification.user,
    privileged: isPrivileged,
    started: startedAt ?? null,
    finished: finishedAt ?? null,
  };
}

function fitEvent(event: Event, room: { bytes: number }): Event {
  if (!event.execCreated) return event;
  return { ...event, execCreated: { args: fitArguments(event.execCreated.args ?? [], room) } };
}

function describeHealth(sessions: ContainerSessions): tether.control.Health.$Properties | null {
  const { health } = sessions;
  if (health === undefined) return null;
  return {
    status: HEALTH_STATUS[health.status],
    failingStreak: health.failingStreak,
    results: health.results.map(({ startMs, endMs, exitCode, output }) => {
      return { start: toTime(startMs), end: toTime(endMs), exitCode, output };
    }),
  };
}

/** As many arguments, from the first on, as the bytes that are left allow; takes them from these. */
function fitArguments(args: readonly Uint8Array[], room: { bytes: number }): Uint8Array[] {
  const fitting: Uint8Array[] = [];
  for (const arg of args) {
    room.bytes -= arg.length + ARGUMENT_OVERHEAD_BYTES;
    if (room.bytes < 0) break;
    fitting.push(arg);
  }
  room.bytes = Math.max(room.bytes, 0);
  return fitting;
}

function checkSignal(signal: number, least: number): number {
  if (signal < least || signal > 64) throw new TetherError("invalid-option", `invalid signal: ${signal}`);
  return signal;
}

function checkNanoCpus(nanoCpus: number): number {
  if (Number.isSafeInteger(nanoCpus) && nanoCpus >= 0) return nanoCpus;
  throw new TetherError("invalid-option", `${nanoCpus} is no CPU time`);
}

function checkUpgrade({ diskSerial, limitS }: tether.control.UpgradeAgent.$Properties): UpgradeRequest {
  const request = { diskSerial: diskSerial ?? "", limitS: limitS || DEFAULT_UPGRADE_LIMIT_S };
  if (!/^[A-Za-z0-9-]{1,20}$/.test(request.diskSerial))
    throw new TetherError("invalid-option", "a disk's serial number has 1 to 20 letters and digits");
  if (request.limitS > LONGEST_UPGRADE_LIMIT_S)
    throw new TetherError("invalid-option", `an upgrade is confirmed within ${LONGEST_UPGRADE_LIMIT_S} s`);
  return request;
}

function checkWindow({ columns, rows }: tether.control.ResizeSession.$Properties): {
  readonly columns: number;
  readonly rows: number;
} {
  if ((columns ?? 0) > MAX_WINDOW || (rows ?? 0) > MAX_WINDOW)
    throw new TetherError("invalid-option", "a terminal is not larger than 65535");
  return { columns: columns ?? 0, rows: rows ?? 0 };
}

function toMilliseconds(time: Time | null | undefined): number {
  const milliseconds = (time?.seconds ?? 0) * 1000 + Math.round((time?.nanoseconds ?? 0) / 1e6);
  if (milliseconds <= 0 || milliseconds > MAX_TIME_MS)
    throw new TetherError("invalid-option", "no time that a clock can be set to");
  return milliseconds;
}

function toTime(milliseconds: number): Time {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanoseconds: Math.round((milliseconds - seconds * 1000) * 1e6) };
}
