import assert from "node:assert/strict";
import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { encodeDelimited } from "../../../../src/protocol/length-delimited.ts";
import { encodeLogRecord } from "../../../../src/protocol/log/index.ts";
import {
  eventError,
  explainConsole,
  readLogEvents,
} from "../../../../src/portlayer/execution/guest-outcome.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const started = encodeLogRecord({ event: { sequence: 1, started: { pid: 7 } } });
const exited = encodeLogRecord({ event: { sequence: 2, exited: { code: 3 } } });

describe("the log of a guest", () => {
  const folder = useTemporaryFolder();
  const sequences = (...parts: Uint8Array[]): unknown[] => {
    const path = join(folder.path, "log");
    writeFileSync(path, Buffer.concat(parts));
    return readLogEvents(path).map(({ sequence }) => sequence);
  };

  it("is read event by event", () => {
    assert.deepEqual(sequences(started, exited), [1, 2]);
    assert.deepEqual(sequences(), []);
  });

  it("counts but for what is torn or damaged", () => {
    assert.deepEqual(sequences(started, exited.subarray(0, -1)), [1]);
    assert.deepEqual(sequences(started, Buffer.alloc(9, 0xff), exited), [1, 2]);
    assert.deepEqual(sequences(started, encodeDelimited(Buffer.from([0x0f])), exited), [1, 2]);
  });

  it("has no events when there is no file", () => {
    assert.deepEqual(readLogEvents(join(folder.path, "none")), []);
  });

  it("is read to its limit when a guest has filled it", () => {
    const path = join(folder.path, "log");
    writeFileSync(path, "");
    truncateSync(path, 2 ** 40);
    appendFileSync(path, Buffer.concat([started, exited]));
    assert.deepEqual(
      readLogEvents(path).map(({ sequence }) => sequence),
      [1, 2],
    );
  }).timeout(60_000);
});

describe("the error of a guest", () => {
  const error = (code: string, message: string): ReturnType<typeof eventError> =>
    eventError({ failed: { error: { code, message } } });

  it("is the catalogue's, by its code", () => {
    const found = error("command-not-found", 'exec: "x": not found');
    assert.deepEqual([found?.code, found?.message], ["command-not-found", 'exec: "x": not found']);
  });

  it("with a code that nobody knows is one of initialisation", () => {
    for (const code of ["", "something", "__proto__"])
      assert.equal(error(code, "m")?.code, "guest-initialisation");
  });

  it("is no error when the event is none", () => {
    assert.equal(eventError({ started: { pid: 1 } }), undefined);
    assert.equal(eventError({ failed: {} }), undefined);
  });

  it("reaches a terminal as one line of at most 500 characters, without control characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (message) => {
        const shown = error("internal", message)?.message ?? "";
        assert.ok(shown.length <= 500);
        assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
      }),
    );
    assert.equal(error("internal", "a\x1b[2Jb\r\nc\u202ed\u2028e")?.message, "a [2Jb c d e");
  });
});

describe("the console of a guest that said nothing else", () => {
  const folder = useTemporaryFolder();
  const explain = (content: string | Uint8Array): [string, string] => {
    const path = join(folder.path, "console.log");
    writeFileSync(path, content);
    const { code, message } = explainConsole(path);
    return [code, message];
  };

  it("tells of a panic before anything else", () => {
    assert.deepEqual(
      explain(
        "tether: error: earlier\r\n[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n[    1.3] ---[ end",
      ),
      ["guest-panic", "the container VM's kernel panicked: VFS: Unable to mount root fs"],
    );
  });

  it("tells what stage 0 could not do", () => {
    assert.deepEqual(explain("stage0: started\r\nstage0: no agent image: no device\r\n"), [
      "guest-initialisation",
      "stage0: no agent image: no device",
    ]);
  });

  it("tells the agent's last error", () => {
    assert.deepEqual(
      explain("stage0: started\ntether: agent started\ntether: error: one\ntether: error: grüße\n"),
      ["guest-initialisation", "grüße"],
    );
  });

  it("that says nothing leaves a guest that was lost", () => {
    for (const content of ["", "Linux version 6.1\n", "tether: agent started\n"])
      assert.equal(explain(content)[0], "guest-lost");
    assert.equal(explainConsole(join(folder.path, "none")).code, "guest-lost");
  });

  it("is read at its end only, however long it is", () => {
    const [code, message] = explain(`${"x".repeat(1_000_000)}\ntether: error: at the end\n`);
    assert.deepEqual([code, message], ["guest-initialisation", "at the end"]);
  });

  it("gives one line without control characters, whatever it holds", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom("tether: error: ", "stage0: ", "Kernel panic - not syncing: "),
        (bytes, prefix) => {
          const [, message] = explain(Buffer.concat([Buffer.from(prefix), bytes]));
          assert.doesNotMatch(message, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
        },
      ),
    );
  });
});
