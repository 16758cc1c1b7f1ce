import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { PassThrough } from "node:stream";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { DEFAULT_PROCESS_SECURITY, type Exit, Session } from "../../../src/session/index.ts";
import { launch } from "../../../src/session/launcher.ts";
import type { SavedProcess } from "../../../src/session/session-components.ts";
import { openPipes } from "../../../src/session/standard-streams.ts";
import { shell, specification, useNativeComponents } from "../../support/native-session.ts";

const ROOT = { uid: 0, gid: 0, groups: [], home: "/" };

/** What a session's observer was told, and how it ended. */
interface Resumed {
  readonly told: readonly string[];
  readonly outcome: Exit | TetherError;
  /** As it was saved at last. */
  readonly saved: SavedProcess | undefined;
}

// An agent before this one has started a process and crashed before it had read what the launcher reports.
describe("a process that was being launched", () => {
  const components = useNativeComponents();

  function startAndCrash(args: readonly Uint8Array[]): SavedProcess {
    const { system, launcher, container } = components();
    const { childDescriptors, closeChildEnds, ...streams } = openPipes(system, ROOT, false);
    const adoptStream = system.adoptStream.bind(system);
    system.adoptStream = () => new PassThrough();
    try {
      const { pid, report } = launch(system, launcher, container, childDescriptors, {
        ...DEFAULT_PROCESS_SECURITY,
        args,
        environment: [],
        workingDirectory: Buffer.from("/"),
        user: ROOT,
        tty: false,
      });
      return { pid, streams, report, hasStarted: false, exit: undefined, hasDrained: false };
    } finally {
      system.adoptStream = adoptStream;
      closeChildEnds();
    }
  }

  async function resume(process: SavedProcess): Promise<Resumed> {
    const told: string[] = [];
    let saved: SavedProcess | undefined;
    const save = (changed: SavedProcess): void => void (saved = changed);
    const session = new Session(
      specification(),
      { ...components(), save },
      {
        started: (pid) => told.push(`started ${pid === process.pid}`),
        ended: ({ code }) => told.push(`ended ${code}`),
        failed: ({ code }) => told.push(`failed ${code}`),
      },
    );
    void session.resume(process);
    return { outcome: await session.outcome, told, saved };
  }

  it("runs for the agent that takes over", async () => {
    const { told, saved } = await resume(startAndCrash(shell("exit 127")));
    assert.deepEqual(told, ["started true", "ended 127"]);
    assert.equal(saved?.report, undefined);
  });

  it("has failed for it, if it could not become the command", async () => {
    const { told, outcome, saved } = await resume(startAndCrash([Buffer.from("/none")]));
    assert.deepEqual(told, ["failed command-not-found"]);
    assert.ok(outcome instanceof TetherError && /stat \/none: no such file/.test(outcome.message));
    // Then a further agent has nothing to tell.
    assert.deepEqual([saved?.exit?.code, saved?.hasDrained], [127, true]);
  });

  it("has failed, though the report was read before the crash", async () => {
    const failed = startAndCrash([Buffer.from("/none")]);
    const report = Buffer.from(["lookup", "2", "ENOENT", "/gone", ""].join("\0"));
    if (typeof failed.report === "number") closeSync(failed.report);
    const { told, outcome } = await resume({ ...failed, report });
    assert.deepEqual(told, ["failed command-not-found"]);
    assert.ok(outcome instanceof TetherError && outcome.message.includes("/gone"));
  });
});
