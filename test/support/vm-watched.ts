import type { Readable } from "node:stream";

/** Long enough for a container VM to boot on a machine that does several things at once. */
const LIMIT_MS = 60_000;

/** Everything that a stream has brought, and a way to wait for what it is to bring. */
export class Watched {
  readonly #chunks: Buffer[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #beside: Watched | undefined;
  #seen = 0;
  #isEnded = false;

  /** @param beside what is shown as well when `stream` does not bring what is waited for. */
  constructor(stream: Readable, beside?: Watched) {
    this.#beside = beside;
    stream.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake();
    };
    stream.once("end", end);
    stream.once("close", end);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString("utf8");
  }

  /**
   * Waits until the stream has brought `pattern`, behind what was waited for before.
   *
   * @returns the match; its `input` begins where the last wait ended.
   * @throws Error with what it brought instead, when it ends first or after a minute.
   */
  async expect(pattern: RegExp): Promise<RegExpExecArray> {
    const limit = AbortSignal.timeout(LIMIT_MS);
    for (;;) {
      const rest = this.text.slice(this.#seen);
      const match = pattern.exec(rest);
      if (match !== null) {
        this.#seen += match.index + match[0].length;
        return match;
      }
      if (this.#isEnded || limit.aborted) {
        const why = this.#isEnded ? "ended" : "waited too long";
        const beside = this.#beside === undefined ? "" : `; beside it: ${JSON.stringify(this.#beside.text)}`;
        throw new Error(`${why} without ${String(pattern)}: ${JSON.stringify(rest)}${beside}`);
      }
      await this.#change(limit);
    }
  }

  #change(limit: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        limit.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      limit.addEventListener("abort", wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
