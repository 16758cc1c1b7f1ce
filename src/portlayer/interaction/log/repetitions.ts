import type { LogRecord } from "../../../protocol/control-messages.ts";

/**
 * Leaves out what a log has twice: an agent that takes over after a crash writes again what the one before may not
 * have written whole. Output is known by its place in its stream, an event by its number.
 */
export class Repetitions {
  readonly #next = [1, 1];
  #sequence = 0;

  /** @returns the record, with less output when its beginning is known; undefined when all of it is. */
  leaveOut(record: LogRecord): LogRecord | undefined {
    const { output, event, runBegun } = record;
    if (runBegun) this.#reset();
    if (event) return this.#isNew(event.sequence ?? 0) ? this.#observe(record) : undefined;
    return output ? this.#cut(record, output) : record;
  }

  #isNew(sequence: number): boolean {
    const isNew = sequence === 0 || sequence > this.#sequence;
    this.#sequence = Math.max(this.#sequence, sequence);
    return isNew;
  }

  /** A process that is started again writes its streams from their beginning. */
  #observe(record: LogRecord): LogRecord {
    const { event } = record;
    if (!event?.sessionId && event?.exited) this.#next.fill(1);
    return record;
  }

  #cut(record: LogRecord, output: NonNullable<LogRecord["output"]>): LogRecord | undefined {
    const data = output.data ?? new Uint8Array();
    const position = output.position ?? 0;
    const stream = output.stream ?? 0;
    if (position === 0) return record;
    const known = Math.max(0, (this.#next[stream] ?? 1) - position);
    // A record that lies wholly before is one that was written again.
    if (known >= data.length && data.length > 0) return undefined;
    this.#next[stream] = position + data.length;
    return known === 0 ? record : { ...record, output: { ...output, data: data.subarray(known) } };
  }

  #reset(): void {
    this.#next.fill(1);
    this.#sequence = 0;
  }
}
