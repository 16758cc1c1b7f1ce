import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { TetherError } from "../../src/protocol/errors/index.ts";
import { type Exit, Session, type SessionSpecification } from "../../src/session/index.ts";
import type { ChildStatus } from "../../src/system/system.ts";
import { specification } from "./native-session.ts";
import { nativeSystem } from "./native-system.ts";
import { RecordingSystem } from "./recording-system.ts";

/** The inner side of a session's streams: what a process would hold, played by the test. */
export interface FakeProcess {
  /** Undefined when standard input is not open. */
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Ends the process: closes its streams and lets the reaper see it. */
  exit(status?: { readonly code?: number; readonly signal?: number; readonly coreDumped?: boolean }): void;
}

/** A session whose process is the test itself: real pipes, no second process, no privileges. */
export interface FakeSession {
  readonly session: Session;
  readonly process: FakeProcess;
  /** Resolves with how it ended. */
  readonly outcome: Promise<Exit | TetherError>;
}

const PID = 4711;

/**
 * Starts a session with a process that the test plays.
 *
 * @param observe is told what the session's observer is told.
 */
export async function startFakeSession(
  changes: Partial<SessionSpecification> = {},
  observe: { started?(pid: number): void; ended?(exit: Exit): void } = {},
): Promise<FakeSession> {
  const streams: Array<Readable & Writable> = [];
  const status = Promise.withResolvers<ChildStatus>();
  const native = nativeSystem();
  const system = new RecordingSystem()
    .fail("openInRoot", "ENOENT")
    .answer("pipe", () => native.pipe())
    .answer("memoryFile", (name, content) => native.memoryFile(name, content))
    .answer("makeRing", (capacityBytes) => native.makeRing(capacityBytes))
    .answer("openRing", (descriptor, source, events) => native.openRing(descriptor, source, events))
    .answer("makeInput", () => native.makeInput())
    .answer("openInput", (descriptor, target, events) => native.openInput(descriptor, target, events))
    .answer("adoptStream", (descriptor, kind) => native.adoptStream(descriptor, kind))
    .answer("spawn", ({ descriptors }) => {
      // The session closes its copies of the process's ends once the process has them.
      for (const [index, descriptor] of descriptors.slice(0, 3).entries()) {
        const own = openSync(`/proc/self/fd/${descriptor}`, index === 0 ? "r" : "w");
        streams.push(openStream(own, index === 0));
      }
      return PID;
    });
  const started = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<Exit | TetherError>();
  const session = new Session(
    specification(changes),
    {
      system,
      reaper: { exitOf: () => status.promise },
      container: { namespace: 0, root: 0, cgroupProcesses: undefined },
      launcher: "/nowhere",
      openPty: () => {
        throw new Error("a fake process has no terminal");
      },
    },
    {
      started: (pid) => {
        observe.started?.(pid);
        started.resolve();
      },
      ended: (exit) => {
        observe.ended?.(exit);
        outcome.resolve(exit);
      },
      failed: (error) => {
        started.reject(error);
        outcome.resolve(error);
      },
    },
  );
  void session.start();
  await started.promise;
  const [stdin, stdout, stderr] = streams;
  if (stdin === undefined || stdout === undefined || stderr === undefined)
    throw new Error("the process was not started");
  return {
    session,
    outcome: outcome.promise,
    process: {
      stdin,
      stdout,
      stderr,
      exit: ({ code, signal, coreDumped } = { code: 0 }) => {
        stdin.destroy();
        stdout.end();
        stderr.end();
        status.resolve({
          pid: PID,
          coreDumped: coreDumped ?? false,
          ...(signal === undefined ? { code: code ?? 0 } : { signal }),
        });
      },
    },
  };
}

function openStream(descriptor: number, isInput: boolean): Readable & Writable {
  try {
    return new Socket({ fd: descriptor, readable: isInput, writable: !isInput });
  } catch {
    // /dev/null is no stream that libuv adopts: nothing can be read from it.
    closeSync(descriptor);
    const nothing = new Socket();
    nothing.destroy();
    return nothing;
  }
}
