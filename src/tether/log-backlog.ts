/** How much of the newest output is kept while it cannot be written: some thousand lines. */
const KEPT_BYTES = 256 * 1024;

/** A record that waits. */
export interface EncodedRecord {
  readonly bytes: Uint8Array;
  /** Bytes of output in it. */
  readonly outputBytes: number;
}

/** The newest records of a log that cannot be written now; of the older ones, how much they held. */
export class LogBacklog {
  #records: EncodedRecord[] = [];
  /** Index of the oldest record that is still kept. */
  #oldest = 0;
  #bytes = 0;
  #lostBytes = 0;

  get isEmpty(): boolean {
    return this.#lostBytes === 0 && this.#oldest === this.#records.length;
  }

  add(record: EncodedRecord): void {
    this.#records.push(record);
    this.#bytes += record.bytes.length;
    while (this.#bytes > KEPT_BYTES) this.#forgetOldest();
  }

  /** Gives what is kept, oldest first, and how many bytes of output before it were lost; keeps nothing. */
  take(): { lostBytes: number; records: EncodedRecord[] } {
    const taken = { lostBytes: this.#lostBytes, records: this.#records.slice(this.#oldest) };
    this.#records = [];
    this.#oldest = 0;
    this.#bytes = 0;
    this.#lostBytes = 0;
    return taken;
  }

  #forgetOldest(): void {
    const record = this.#records[this.#oldest];
    if (record === undefined) return;
    this.#oldest += 1;
    this.#bytes -= record.bytes.length;
    this.#lostBytes += record.outputBytes;
    // Taking the first of an array costs its length: only now and then.
    if (this.#oldest * 2 < this.#records.length) return;
    this.#records = this.#records.slice(this.#oldest);
    this.#oldest = 0;
  }
}
