import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Reaper } from "../../src/init/reaper.ts";
import type { TetherError } from "../../src/protocol/errors/index.ts";
import {
  DEFAULT_PROCESS_SECURITY,
  type Exit,
  Session,
  type SessionComponents,
  type SessionSpecification,
} from "../../src/session/index.ts";
import type { LinuxSystem } from "../../src/system/linux-system.ts";
import { loadOpenPty } from "../../src/tether/node-pty.ts";
import { CollectingSink } from "./collecting-sink.ts";
import { nativeSystem } from "./native-system.ts";

const NATIVE = fileURLToPath(new URL("../../build/native/", import.meta.url));

/** A specification that runs nothing in particular. */
export function specification(changes: Partial<SessionSpecification> = {}): SessionSpecification {
  return {
    args: [Buffer.from("/bin/true")],
    environment: [],
    workingDirectory: Buffer.from("/"),
    user: "",
    tty: false,
    openStdin: false,
    stdinOnce: true,
    window: undefined,
    hostname: "test",
    makesWorkingDirectory: true,
    groups: [],
    startAfterAttach: false,
    holdOutput: true,
    security: DEFAULT_PROCESS_SECURITY,
    ...changes,
  };
}

/**
 * The real system, without the resource limits that Docker's defaults set: raising them takes CAP_SYS_RESOURCE,
 * which a container that runs these tests has not got. Nothing else differs.
 */
function systemWithoutLimits(): LinuxSystem {
  const system = nativeSystem();
  const memoryFile = system.memoryFile.bind(system);
  system.memoryFile = (name, content) => {
    const records = Buffer.from(content).toString("latin1").split("\0");
    const kept = records.filter((record) => !record.startsWith("rlimit="));
    return memoryFile(name, Buffer.from(kept.join("\0"), "latin1"));
  };
  return system;
}

/** How a session ended, or what kept it from running. */
export type Outcome = Exit | TetherError;

/** A session of a real process on this machine, in this process's own mount namespace. */
export interface NativeSession {
  readonly session: Session;
  /** Resolves with the pid, or with undefined when the process never ran. */
  readonly started: Promise<number | undefined>;
  readonly outcome: Promise<Outcome>;
  /** Attaches a client that takes everything, from the first byte on. */
  attach(): {
    readonly output: CollectingSink;
    readonly errorOutput: CollectingSink;
    readonly detach: () => void;
  };
}

/** What real processes of the tests are started with: this machine, and this process's own mount namespace. */
export type NativeComponents = Omit<SessionComponents, "record"> & { readonly reaper: Reaper };

/** @returns gives the components during the tests of the surrounding `describe`: as root only. */
export function useNativeComponents(): () => NativeComponents {
  let components: NativeComponents | undefined;
  before(function () {
    // A launcher changes its user.
    if (process.getuid?.() !== 0) this.skip();
    const system = systemWithoutLimits();
    const reaper = new Reaper(system);
    reaper.start();
    components = {
      system,
      reaper,
      container: {
        namespace: openSync("/proc/self/ns/mnt", "r"),
        root: openSync("/", "r"),
        cgroupProcesses: undefined,
      },
      launcher: `${NATIVE}tether-exec`,
      openPty: loadOpenPty(() => `${NATIVE}pty.node`),
    };
  });
  after(() => {
    if (components === undefined) return;
    components.reaper.stop();
    closeSync(components.container.namespace);
    closeSync(components.container.root);
  });
  return () => {
    if (components === undefined) throw new Error("asked for before the tests");
    return components;
  };
}

/** Real processes for the tests of the surrounding `describe`: as root only, since a launcher changes its user. */
export function useNativeSessions(): (changes: Partial<SessionSpecification>) => NativeSession {
  const components = useNativeComponents();
  const running = new Map<number, Session>();
  afterEach(() => {
    for (const pid of running.keys()) components().system.kill(pid, 9);
    running.clear();
  });
  return (changes) => {
    const started = Promise.withResolvers<number | undefined>();
    const outcome = Promise.withResolvers<Outcome>();
    const session = new Session(specification(changes), components(), {
      started: (pid) => {
        running.set(pid, session);
        started.resolve(pid);
      },
      ended: (exit) => {
        for (const [pid, each] of running) if (each === session) running.delete(pid);
        outcome.resolve(exit);
      },
      failed: (error) => {
        started.resolve(undefined);
        outcome.resolve(error);
      },
    });
    void session.start();
    return {
      session,
      started: started.promise,
      outcome: outcome.promise,
      attach: () => {
        const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
        const detach = session.attach({
          output,
          errorOutput,
          outputOffset: 0,
          errorOutputOffset: 0,
          kind: "hold",
        });
        return { output, errorOutput, detach };
      },
    };
  };
}

/** `sh -c script`. */
export function shell(script: string): readonly Uint8Array[] {
  return ["/bin/sh", "-c", script].map((word) => Buffer.from(word));
}
