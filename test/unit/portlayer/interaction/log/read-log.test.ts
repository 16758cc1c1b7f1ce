import assert from "node:assert/strict";
import { appendFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import type { LogRecord } from "../../../../../src/protocol/control-messages.ts";
import { tether } from "../../../../../src/protocol/generated/control.js";
import { encodeLogRecord } from "../../../../../src/protocol/log/index.ts";
import {
  type LogEntry,
  readLog,
  type ReadLogOptions,
} from "../../../../../src/portlayer/interaction/log/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

const { Stream } = tether.control.Output;

/** A line of standard output or error; `<` before it: it goes on; `>` behind it: it is not at its end. */
function line(text: string, seconds = 1, stream = Stream.STDOUT): Buffer {
  const continued = text.startsWith("<");
  const partial = text.endsWith(">");
  const data = Buffer.from(text.replace(/^</, "").replace(/>$/, "") + (partial ? "" : "\n"));
  return encodeLogRecord({ time: { seconds, nanoseconds: 0 }, output: { stream, data, partial, continued } });
}

/** Without a number: the tests write the same event more than once. */
const event = (body: NonNullable<LogRecord["event"]>): Buffer =>
  encodeLogRecord({ time: { seconds: 1, nanoseconds: 0 }, event: body });
const started = event({ started: { pid: 7 } });
const exited = event({ exited: { code: 0 } });
const runBegun = encodeLogRecord({ runBegun: {} });

const show = (entry: LogEntry): string => {
  if (entry.kind !== "output") return entry.kind;
  return `${entry.isLineStart ? "" : "<"}${entry.data.toString().replace(/\n$/, "")}${entry.isLineEnd ? "" : ">"}`;
};

async function read(path: string, options: ReadLogOptions = {}): Promise<string[]> {
  const shown: string[] = [];
  for await (const entry of readLog(path, options)) shown.push(show(entry));
  return shown;
}

describe("reading a log", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");
  const write = (...records: Buffer[]): void => writeFileSync(path(), Buffer.concat(records));

  it("gives its entries, the rotated files first", async () => {
    writeFileSync(`${path()}.10`, line("one"));
    // A record may go on in the next file.
    const two = line("two");
    writeFileSync(`${path()}.2`, two.subarray(0, 20));
    writeFileSync(`${path()}.1`, Buffer.concat([two.subarray(20), exited]));
    writeFileSync(`${path()}.old`, line("not of the log"));
    write(runBegun, line("three>"), encodeLogRecord({ dropped: { bytes: 5 } }));
    assert.deepEqual(await read(path()), ["one", "two", "event", "run-begun", "three>", "dropped"]);
  });

  for (const options of [{}, { tail: 2 }]) {
    it(`ends with what was there at its beginning: ${JSON.stringify(options)}`, async () => {
      write(line("one"), line("two"), line("three"));
      const entries = readLog(path(), options);
      const shown = [show((await entries.next()).value as LogEntry)];
      appendFileSync(path(), line("later"));
      for await (const entry of entries) shown.push(show(entry));
      assert.deepEqual(shown, options.tail === 2 ? ["two", "three"] : ["one", "two", "three"]);
    });
  }

  it("gives nothing where there is none", async () => {
    assert.deepEqual(await read(join(folder.path, "none")), []);
    assert.deepEqual(await read(join(folder.path, "none"), { tail: 3 }), []);
    assert.deepEqual(await read(join(folder.path, "no-folder", "none")), []);
  });

  it("gives all that is whole of a file that is cut anywhere", async () => {
    const records = [line("one"), line("two", 2, Stream.STDERR), started, line("three")];
    const whole = Buffer.concat(records);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length }), async (size) => {
        write(whole);
        truncateSync(path(), size);
        let end = 0;
        const count = records.filter((record) => (end += record.length) <= size).length;
        assert.equal((await read(path())).length, count);
      }),
    );
  });

  it("survives whatever a guest has written", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array()), fc.option(fc.nat(5)), async (garbage, tail) => {
        write(...garbage.map((each) => Buffer.concat([each, line("x")])));
        const shown = await read(path(), tail === null ? {} : { tail });
        assert.equal(shown.length, Math.min(garbage.length, tail ?? garbage.length));
      }),
    );
    write(
      encodeLogRecord({
        time: { seconds: -5, nanoseconds: 4_000_000_000 },
        output: { data: Buffer.from("x\n") },
      }),
    );
    for await (const { time } of readLog(path())) assert.deepEqual(time, { seconds: 0, nanoseconds: 0 });
  });

  it("filters by time", async () => {
    write(...[1, 2, 3, 4].map((second) => line(`at ${second}`, second)));
    const at = (seconds: number): { seconds: number; nanoseconds: number } => ({ seconds, nanoseconds: 0 });
    assert.deepEqual(await read(path(), { since: at(2), until: at(3) }), ["at 2", "at 3"]);
    assert.deepEqual(await read(path(), { tail: 3, until: at(2) }), ["at 2"]);
  });
});

describe("the tail of a log", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");

  it("is its last lines, whole, of both streams", async () => {
    writeFileSync(
      path(),
      Buffer.concat([
        line("a"),
        line("b>"),
        line("x>", 1, Stream.STDERR),
        line("<b"),
        line("c"),
        line("<x", 1, Stream.STDERR),
        started,
      ]),
    );
    assert.deepEqual(await read(path(), { tail: 0 }), []);
    assert.deepEqual(await read(path(), { tail: 1 }), ["c", "event"]);
    assert.deepEqual(await read(path(), { tail: 2 }), ["x>", "c", "<x", "event"]);
    assert.deepEqual(await read(path(), { tail: 3 }), ["b>", "x>", "<b", "c", "<x", "event"]);
    assert.equal((await read(path(), { tail: 4 })).length, 7);
    assert.equal((await read(path(), { tail: 5 })).length, 7);
  });

  it("is the same as the end of the whole, over files and blocks", async () => {
    const texts = Array.from({ length: 30_000 }, (_, index) => `line ${index} ${"x".repeat(index % 90)}`);
    const whole = Buffer.concat(texts.map((text) => line(text)));
    const cut = Math.floor(whole.length / 3);
    writeFileSync(`${path()}.1`, whole.subarray(0, cut));
    writeFileSync(path(), whole.subarray(cut));
    for (const tail of [1, 100, 2500, 9000, 25_000, 29_999, 30_000, 40_000])
      assert.deepEqual(await read(path(), { tail }), texts.slice(-tail));
  });

  it("takes no longer for a large log than for a small one", async () => {
    writeFileSync(path(), line("first"));
    truncateSync(path(), 2 ** 38);
    appendFileSync(path(), Buffer.concat([line("last"), line("very last")]));
    assert.deepEqual(await read(path(), { tail: 2 }), ["last", "very last"]);
  });
});

describe("following a log", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");

  /** Follows in the background. */
  function follow(options: Partial<ReadLogOptions> & { endsWithExit?: boolean } = {}): {
    shown: string[];
    container: AbortController;
    until: (count: number) => Promise<void>;
    end: Promise<void>;
  } {
    const shown: string[] = [];
    const container = new AbortController();
    const { endsWithExit = true, ...rest } = options;
    let check = (): void => {};
    const run = async (): Promise<void> => {
      for await (const entry of readLog(path(), {
        ...rest,
        follow: { ended: container.signal, endsWithExit },
      })) {
        shown.push(show(entry));
        check();
      }
    };
    const until = (count: number): Promise<void> =>
      new Promise((resolve) => {
        check = () => shown.length >= count && resolve();
        check();
      });
    return { shown, container, until, end: run() };
  }

  it("gives what is written, as it is written, until the process has ended", async () => {
    writeFileSync(path(), Buffer.concat([exited, runBegun, started, line("one")]));
    const { shown, until, end } = follow();
    await until(4);
    const two = line("two");
    appendFileSync(path(), two.subarray(0, 9));
    appendFileSync(path(), two.subarray(9));
    await until(5);
    appendFileSync(path(), event({ exited: { code: 1 }, sessionId: "an exec" }));
    await until(6);
    appendFileSync(path(), Buffer.concat([line("three"), exited]));
    await end;
    assert.deepEqual(shown.slice(3), ["one", "two", "event", "three", "event"]);
  });

  it("goes on over an exit when the process is started again, until the container has ended", async () => {
    writeFileSync(path(), Buffer.concat([started, exited]));
    const { shown, container, until, end } = follow({ endsWithExit: false });
    await until(2);
    appendFileSync(path(), line("again"));
    await until(3);
    appendFileSync(path(), line("last"));
    container.abort();
    await end;
    assert.deepEqual(shown, ["event", "event", "again", "last"]);
  });

  it("goes on over rotations, without losing anything", async () => {
    writeFileSync(path(), line("0"));
    const { shown, until, end } = follow({ tail: 1 });
    await until(1);
    for (let file = 1; file <= 5; file++) {
      for (let number = 5; number > 0; number--) {
        try {
          renameSync(`${path()}.${number}`, `${path()}.${number + 1}`);
        } catch {
          // It is not there yet.
        }
      }
      renameSync(path(), `${path()}.1`);
      appendFileSync(`${path()}.1`, line(`${file} behind the renaming`));
      writeFileSync(path(), line(`${file} new`));
      if (file % 2 === 0) await until(1 + file * 2);
    }
    appendFileSync(path(), exited);
    await end;
    const expected = [1, 2, 3, 4, 5].flatMap((file) => [`${file} behind the renaming`, `${file} new`]);
    assert.deepEqual(shown, ["0", ...expected, "event"]);
  });

  it("begins before there is a file, and shows the rest of a line that was begun", async () => {
    const { shown, until, end } = follow({ tail: 0 });
    // What was there before the reading has begun is not shown; nothing tells when that is.
    for (; shown.length === 0; await turn()) appendFileSync(path(), line("<rest"));
    await until(1);
    appendFileSync(path(), exited);
    await end;
    assert.deepEqual([shown[0], shown.at(-1)], ["<rest", "event"]);
  });

  it("ends at once when the reader has enough", async () => {
    writeFileSync(path(), line("one"));
    const reader = new AbortController();
    const { until, end } = follow({ signal: reader.signal });
    await until(1);
    reader.abort(new Error("enough"));
    await assert.rejects(end, /enough/);
  });
});

describe("a log of an agent that took over after a crash", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");
  const output = (position: number, text: string): Buffer =>
    encodeLogRecord({ output: { data: Buffer.from(text), position } });
  const numbered = (sequence: number): Buffer => encodeLogRecord({ event: { sequence, resized: {} } });

  it("is read without what was written twice", async () => {
    const first = [runBegun, numbered(1), output(1, "one\n"), output(5, "two\n")];
    const again = [numbered(1), numbered(2), output(5, "two\n"), output(7, "o\nthree\n")];
    const torn = output(9, "lost");
    writeFileSync(path(), Buffer.concat([...first, torn.subarray(0, torn.length - 1), ...again]));
    const shown: string[] = [];
    for await (const entry of readLog(path()))
      shown.push(entry.kind === "output" ? String(entry.data) : entry.kind);
    assert.deepEqual(shown, ["run-begun", "event", "one\n", "two\n", "event", "three\n"]);
  });
});
