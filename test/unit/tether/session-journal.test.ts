import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SavedSession } from "../../../src/session/index.ts";
import { SessionJournal } from "../../../src/tether/session-journal.ts";
import { specification } from "../../support/native-session.ts";
import { RecordingSystem } from "../../support/recording-system.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const REWRITTEN_BYTES = 1024 * 1024;

function saved(id: string, changes: Partial<SavedSession> = {}): SavedSession {
  const facts = { isPrivileged: false, isOutOfMemory: false, startedAt: undefined, finishedAt: undefined };
  return { id, specification: specification(), process: undefined, ...facts, ...changes };
}

const running = (pid: number): Partial<SavedSession> => ({
  process: {
    pid,
    streams: undefined,
    report: undefined,
    hasStarted: true,
    exit: undefined,
    hasDrained: false,
  },
});

describe("the journal of sessions", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "sessions");
  const open = (): SessionJournal => new SessionJournal(new RecordingSystem(), path());
  /** What an agent that takes over finds. */
  const found = (): SavedSession[] => {
    const journal = open();
    journal.close();
    return journal.sessions;
  };

  it("gives the next agent each session as it was saved last, the main one first", () => {
    const journal = open();
    journal.save(saved("1"));
    journal.save(saved(""));
    journal.save(saved("1", running(7)));
    journal.save(saved("1", { ...running(7), startedAt: { seconds: 5, nanoseconds: 6 } }));
    const expected = [saved(""), saved("1", { ...running(7), startedAt: { seconds: 5, nanoseconds: 6 } })];
    assert.deepEqual(found(), expected);
    assert.deepEqual(journal.sessions, expected);
    journal.close();
  });

  it("takes back what a session had and has no longer", () => {
    const journal = open();
    journal.save(saved("1", running(7)));
    journal.save(saved("1"));
    assert.deepEqual(found(), [saved("1")]);
    journal.close();
  });

  it("does not give what was forgotten, nor does it know what it never had", () => {
    const journal = open();
    journal.save(saved("1"));
    journal.save(saved("2"));
    journal.forget("1");
    journal.forget("3");
    assert.deepEqual(
      found().map(({ id }) => id),
      ["2"],
    );
    journal.close();
  });

  it("leaves out an entry that was cut anywhere, and goes on behind what is whole", () => {
    const first = open();
    first.save(saved("1"));
    const whole = statSync(path()).size;
    first.save(saved("2"));
    first.close();
    const content = readFileSync(path());
    for (let length = whole; length < content.length; length += 7) {
      writeFileSync(path(), content.subarray(0, length));
      const next = open();
      next.save(saved("3"));
      next.close();
      assert.deepEqual(
        found().map(({ id }) => id),
        ["1", "3"],
      );
    }
  });

  it("does not grow with the number of changes", () => {
    const journal = open();
    journal.save(saved(""));
    for (let pid = 1; pid <= 20_000; pid += 1) journal.save(saved("1", running(pid)));
    journal.close();
    assert.ok(statSync(path()).size <= REWRITTEN_BYTES);
    assert.deepEqual(found(), [saved(""), saved("1", running(20_000))]);
  });

  it("counts what was there before, so that many agents do not make it grow either", () => {
    const journal = open();
    journal.save(saved("1"));
    journal.close();
    const entry = readFileSync(path());
    while (statSync(path()).size < REWRITTEN_BYTES) appendFileSync(path(), entry);
    const next = open();
    next.save(saved("1", running(2)));
    next.close();
    assert.ok(statSync(path()).size < 2 * entry.length);
    assert.deepEqual(found(), [saved("1", running(2))]);
  });
});
