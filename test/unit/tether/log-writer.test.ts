import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, createReadStream, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type { LogRecord } from "../../../src/protocol/control-messages.ts";
import { tether } from "../../../src/protocol/generated/control.js";
import { LogDecoder, MAX_FRAME_BYTES } from "../../../src/protocol/log/index.ts";
import type { StreamSink } from "../../../src/protocol/streams/index.ts";
import { LogPort } from "../../../src/tether/log-port.ts";
import { LogWriter } from "../../../src/tether/log-writer.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const { Stream } = tether.control.Output;

/** A port that takes a write when the test says so. */
class FakePort {
  readonly writes: Buffer[] = [];
  isOpen = true;
  #done: ((error?: Error) => void) | undefined;

  write(blocks: readonly Uint8Array[], done: (error?: Error) => void): void {
    assert.equal(this.#done, undefined, "one write at a time");
    for (const block of blocks) assert.ok(block.length > 0 && block.length <= MAX_FRAME_BYTES);
    this.writes.push(Buffer.concat(blocks));
    this.#done = done;
    if (this.isOpen) queueMicrotask(() => this.take());
  }

  take(error?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }

  get records(): LogRecord[] {
    const decoder = new LogDecoder();
    const records = [...decoder.push(Buffer.concat(this.writes))].map(({ record }) => record);
    assert.equal(decoder.damagedBytes + decoder.pendingBytes, 0);
    return records;
  }

  /** The records in short: `1:text`, `2:text`, with `<` for continued and `>` for partial; or an event's name. */
  get summary(): string[] {
    return this.records.map(({ output, event, dropped }) => {
      if (dropped) return `dropped ${dropped.bytes}`;
      if (!output) return Object.keys(event ?? {}).findLast((key) => key !== "sessionId") ?? "";
      const text = `${output.continued ? "<" : ""}${String(output.data)}${output.partial ? ">" : ""}`;
      return `${output.stream === Stream.STDERR ? 2 : 1}:${text}`;
    });
  }
}

function makeWriter(
  options: { maxBytes?: number; stallMs?: number; isDisabled?: boolean; writtenBytes?: number } = {},
): {
  port: FakePort;
  writer: LogWriter;
} {
  const port = new FakePort();
  const { maxBytes = 0, stallMs = 60_000, isDisabled = false, writtenBytes = 0 } = options;
  return { port, writer: new LogWriter({ port, stallMs }, { maxBytes, isDisabled, writtenBytes }) };
}

const write = (sink: StreamSink, text: string | Buffer): Promise<void> =>
  new Promise((resolve) => sink.write(Buffer.from(text), resolve));

const lines = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `line ${index + from}\n`);

describe("the log's writer", () => {
  it("makes a record of each line, and of what has arrived of the last", async () => {
    const { port, writer } = makeWriter();
    const stdout = writer.output("stdout");
    const stderr = writer.output("stderr");
    await write(stdout, "one\ntwo\nthr");
    await write(stderr, "oops\n");
    await write(stdout, "e");
    await write(stdout, "e\n\nfour");
    assert.deepEqual(port.summary, [
      "1:one\n",
      "1:two\n",
      "1:thr>",
      "2:oops\n",
      "1:<e>",
      "1:<e\n",
      "1:\n",
      "1:four>",
    ]);
  });

  it("writes a line above Docker's 16 KiB in pieces", async () => {
    const { port, writer } = makeWriter();
    await write(writer.output("stdout"), `${"x".repeat(40_000)}\n`);
    const outputs = port.records.map(({ output }) => [
      output?.data?.length,
      output?.partial,
      output?.continued,
    ]);
    assert.deepEqual(outputs, [
      [16_384, true, false],
      [16_384, true, true],
      [7233, false, true],
    ]);
  });

  it("gives every byte in its order, however it was written", () => {
    const chunk = fc.tuple(fc.constantFrom("stdout", "stderr"), fc.stringMatching(/^[ab\n]{1,30}$/));
    return fc.assert(
      fc.asyncProperty(fc.array(chunk), async (chunks) => {
        const { port, writer } = makeWriter();
        const sinks = { stdout: writer.output("stdout"), stderr: writer.output("stderr") };
        await Promise.all(chunks.map(([name, text]) => write(sinks[name as "stdout"], text)));
        for (const [name, stream] of [
          ["stdout", Stream.STDOUT],
          ["stderr", Stream.STDERR],
        ] as const) {
          const outputs = port.records.flatMap(({ output }) => (output?.stream === stream ? [output] : []));
          const expected = chunks.map(([each, text]) => (each === name ? text : "")).join("");
          assert.equal(outputs.map(({ data }) => String(data)).join(""), expected);
          let isWithinLine = false;
          for (const { data, partial, continued } of outputs) {
            assert.equal(continued, isWithinLine);
            isWithinLine = partial ?? false;
            assert.equal(String(data).endsWith("\n"), !isWithinLine);
          }
        }
      }),
    );
  });

  it("lets go of a chunk when the port has taken it, and puts together what came meanwhile", async () => {
    const { port, writer } = makeWriter();
    port.isOpen = false;
    const stdout = writer.output("stdout");
    const done: number[] = [];
    for (const number of [1, 2, 3]) stdout.write(Buffer.from(`${number}\n`), () => done.push(number));
    await setImmediate();
    assert.deepEqual([done, port.writes.length], [[], 1]);
    port.take();
    assert.deepEqual([done, port.writes.length], [[1], 2]);
    port.take();
    assert.deepEqual([done, port.writes.length], [[1, 2, 3], 2]);
  });

  it("records events behind the output that came before", async () => {
    const { port, writer } = makeWriter();
    writer.record({ sequence: 1, started: { pid: 7 } });
    writer.output("stdout").write(Buffer.from("x\n"), () => {});
    writer.record({ sequence: 2, time: { seconds: 5, nanoseconds: 6 }, exited: { code: 3 } });
    await writer.flush();
    assert.deepEqual(port.summary, ["started", "1:x\n", "exited"]);
    assert.deepEqual({ ...port.records[2]?.time }, { seconds: 5, nanoseconds: 6 });
    const seconds = Number(port.records[1]?.time?.seconds);
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 2);
  });

  it("logs events alone when output is not wanted", async () => {
    const { port, writer } = makeWriter({ isDisabled: true });
    await write(writer.output("stdout"), "x\n");
    writer.record({ sequence: 1, started: { pid: 7 } });
    await writer.flush();
    assert.deepEqual(port.summary, ["started"]);
  });
});

describe("a log whose configuration comes late", () => {
  it("has its limit from then on", async () => {
    const port = new FakePort();
    const writer = new LogWriter({ port });
    await write(writer.output("stdout"), lines(10).join(""));
    writer.configure({ maxBytes: 1, isDisabled: false, writtenBytes: 0 });
    await write(writer.output("stdout"), "too much\n");
    assert.equal(port.summary.length, 10);
    writer.configure({ maxBytes: 0, isDisabled: true, writtenBytes: 0 });
    await write(writer.output("stdout"), "not wanted\n");
    assert.equal(port.summary.length, 10);
  });
});

describe("a full log", () => {
  it("leaves turns to others, however fast the process prints", async () => {
    const { writer } = makeWriter({ maxBytes: 1 });
    const stdout = writer.output("stdout");
    let count = 0;
    let isOver = false;
    const next = (): void => {
      count += 1;
      if (!isOver && count < 100_000) stdout.write(Buffer.from("x\n"), next);
    };
    next();
    await setImmediate();
    isOver = true;
    assert.ok(count < 100_000);
  });

  it("holds nobody up, and gets what was missed when the host has begun another", async () => {
    const { port, writer } = makeWriter({ maxBytes: 1000 });
    const stdout = writer.output("stdout");
    for (const line of lines(100)) await write(stdout, line);
    const first = Buffer.concat(port.writes).length;
    assert.ok(first > 800 && first <= 1000);
    const count = port.records.length;
    writer.record({ sequence: 1, paused: {} });
    writer.rotated(0);
    await writer.flush();
    const { summary } = port;
    assert.equal(summary[count], "paused");
    assert.deepEqual(
      summary.slice(0, count),
      lines(count).map((line) => `1:${line}`),
    );
    assert.deepEqual(
      summary.slice(count + 1),
      lines(summary.length - count - 1, count).map((line) => `1:${line}`),
    );
    assert.ok(Buffer.concat(port.writes).length - first <= 1000 + 100);
    writer.rotated(0);
    writer.rotated(0);
    await writer.flush();
    assert.ok(port.summary.length > summary.length);
  });

  it("is one that was nearly so before, or when the host told of it", async () => {
    const { port, writer } = makeWriter({ maxBytes: 1000, writtenBytes: 750 });
    const stdout = writer.output("stdout");
    for (const line of lines(100)) await write(stdout, line);
    const first = Buffer.concat(port.writes).length;
    assert.ok(first > 150 && first <= 250);
    writer.rotated(500);
    await writer.flush();
    const second = Buffer.concat(port.writes).length - first;
    assert.ok(second > 400 && second <= 500);
    assert.equal(writer.writtenBytes, 500 + second);
  });

  it("keeps the newest output, and tells how much of the older it lost", async () => {
    const { port, writer } = makeWriter({ maxBytes: 10_000_000 });
    const small = makeWriter({ maxBytes: 100 });
    for (const each of [writer, small.writer]) {
      const stdout = each.output("stdout");
      const piece = lines(2000).join("");
      for (let round = 0; round < 20; round++) await write(stdout, piece);
    }
    small.writer.record({ sequence: 1, exited: { code: 0 } });
    await small.writer.flush();
    const all = port.summary;
    const kept = small.port.summary;
    const gap = kept.findIndex((each) => each.startsWith("dropped"));
    const last = kept.slice(gap + 1, -1);
    assert.equal(kept.at(-1), "exited");
    assert.deepEqual(kept.slice(0, gap), all.slice(0, gap));
    assert.deepEqual(last, all.slice(-last.length));
    assert.ok(last.length > 5000);
    const lost = all.slice(gap, -last.length).reduce((sum, each) => sum + each.length - 2, 0);
    assert.equal(kept[gap], `dropped ${lost}`);
  });

  it("is overrun once by what a run printed last, and after that by the exits alone", async () => {
    const { port, writer } = makeWriter({ maxBytes: 200 });
    for (let run = 0; run < 50; run++) {
      await write(writer.output("stdout"), lines(20_000).join(""));
      writer.record({ sequence: run, exited: { code: 0 } });
    }
    await writer.flush();
    assert.equal(port.summary.filter((each) => each === "exited").length, 50);
    assert.ok(Buffer.concat(port.writes).length < 300_000);
  });

  it("does not grow without end by events either", async () => {
    const { port, writer } = makeWriter({ maxBytes: 200 });
    for (let sequence = 0; sequence < 20_000; sequence++)
      writer.record({ sequence, execCreated: { args: [] } });
    writer.record({ sequence: 20_000, exited: { code: 0 } });
    await writer.flush();
    assert.equal(port.summary.at(-1), "exited");
    assert.ok(Buffer.concat(port.writes).length < 300_000);
  });
});

describe("a port that takes nothing", () => {
  it("is waited for until it is given up, and gets the newest output when it goes on", async () => {
    const { port, writer } = makeWriter({ stallMs: 20 });
    port.isOpen = false;
    const stdout = writer.output("stdout");
    const before = performance.now();
    await write(stdout, "one\n");
    assert.ok(performance.now() - before >= 19);
    await write(stdout, "two\n");
    writer.record({ sequence: 1, paused: {} });
    await writer.flush();
    assert.equal(port.writes.length, 1);
    port.isOpen = true;
    port.take();
    await write(stdout, "three\n");
    await writer.flush();
    assert.deepEqual(port.summary, ["1:one\n", "1:two\n", "paused", "1:three\n"]);
  });

  it("does not hold back what waited behind the write", async () => {
    const { port, writer } = makeWriter({ stallMs: 20 });
    port.isOpen = false;
    const stdout = writer.output("stdout");
    await Promise.all([write(stdout, "one\n"), write(stdout, `${"x".repeat(400_000)}\n`)]);
    port.isOpen = true;
    port.take();
    await writer.flush();
    const kept = port.records.slice(1).reduce((sum, { output }) => sum + (output?.data?.length ?? 0), 0);
    assert.equal(port.summary[1], `dropped ${400_001 - kept}`);
    assert.ok(kept > 200_000);
  });

  it("that is gone ends the log, not the container", async () => {
    const { port, writer } = makeWriter();
    port.isOpen = false;
    const stdout = writer.output("stdout");
    const written = [write(stdout, "one\n"), write(stdout, "two\n")];
    const flushed = writer.flush();
    port.take(new Error("ENODEV"));
    await Promise.all([...written, flushed]);
    await write(stdout, "three\n");
    writer.record({ sequence: 1, exited: { code: 0 } });
    await writer.flush();
    assert.equal(port.writes.length, 1);
  });
});

describe("the log of a stream", () => {
  const folder = useTemporaryFolder();

  it("is all in the file when the port is flushed", async () => {
    const path = join(folder.path, "log");
    writeFileSync(path, "");
    const port = new LogPort(path);
    const writer = new LogWriter({ port }, { maxBytes: 0, isDisabled: false, writtenBytes: 0 });
    const stdout = writer.output("stdout");
    const text = lines(100_000).join("");
    for (let start = 0; start < text.length; start += 65_536)
      await write(stdout, text.slice(start, start + 65_536));
    writer.record({ sequence: 1, exited: { code: 0 } });
    await writer.flush();
    port.close();
    const records = [...new LogDecoder().push(readFileSync(path))].map(({ record }) => record);
    const printed = records.flatMap(({ output }) => (output ? [output.data ?? Buffer.alloc(0)] : []));
    assert.ok(Buffer.concat(printed).equals(Buffer.from(text)));
  });

  it("fails quietly where nothing can be written", async () => {
    const port = new LogPort("/dev/full");
    const writer = new LogWriter({ port }, { maxBytes: 0, isDisabled: false, writtenBytes: 0 });
    await write(writer.output("stdout"), "x\n");
    await writer.flush();
    port.close();
  });

  it("goes on where a pipe took only a part", async () => {
    const path = join(folder.path, "pipe");
    execFileSync("mkfifo", [path]);
    // Either end's opening waits for the other; a reader that does not wait would later fail on an empty pipe.
    const first = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const port = new LogPort(path);
    const reader = openSync(path, constants.O_RDONLY);
    closeSync(first);
    const writer = new LogWriter({ port }, { maxBytes: 0, isDisabled: false, writtenBytes: 0 });
    const written = write(writer.output("stdout"), `${"x".repeat(300_000)}\n`);
    const decoder = new LogDecoder();
    let bytes = 0;
    for await (const chunk of createReadStream("", { fd: reader }) as AsyncIterable<Buffer>) {
      for (const { record } of decoder.push(chunk)) bytes += record.output?.data?.length ?? 0;
      if (bytes === 300_001) break;
    }
    await written;
    port.close();
  });
});
