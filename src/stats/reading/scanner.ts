import type { NumberPlaces } from "./number-places.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;

/** Goes through the bytes of one of the kernel's files: words, numbers and lines, without making strings of them. */
export class Scanner {
  bytes: Uint8Array = new Uint8Array();
  at = 0;
  end = 0;
  /** Undefined: nobody wants to know. */
  readonly #places: NumberPlaces | undefined;
  #start = 0;
  /** The last word. */
  wordStart = 0;
  wordEnd = 0;

  /** @param places are told where the numbers are that are taken. */
  constructor(places?: NumberPlaces) {
    this.#places = places;
  }

  /** Begins at the start of `bytes[start..end)`, which is a file. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.#start = start;
    this.#places?.clear();
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  /** As {@link number}, times `scale`; what the number at this place will be later goes to this slot as well. */
  numberFor(slot: number, scale = 1): number {
    this.#note(slot, scale, 0);
    return this.number() * scale;
  }

  /** As {@link numberFor}, of {@link hundredths}. */
  hundredthsFor(slot: number, scale = 1): number {
    this.#note(slot, scale, 2);
    return this.hundredths() * scale;
  }

  /**
   * The next digits of this line, behind spaces. What is passed over is a {@link word}: what follows the digits would be
   * something else, of which nobody would be told when it changes.
   *
   * @returns NaN when something else is there, or more than is exact (2^53).
   */
  number(): number {
    this.skipSpaces();
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    let value = 0;
    for (; at < end; at++) {
      const digit = (bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > NINE - ZERO) break;
      value = value * 10 + digit;
    }
    this.at = at;
    return at === start || value > Number.MAX_SAFE_INTEGER ? Number.NaN : value;
  }

  /** The next number with two digits behind its point, in hundredths. */
  hundredths(): number {
    const whole = this.number();
    if (this.bytes[this.at] !== POINT || this.at >= this.end) return whole * 100;
    const start = ++this.at;
    if (!this.#isAtDigit()) return Number.NaN;
    const fraction = this.number();
    // Another number of digits than the kernel writes is another number.
    return this.at - start === 2 ? whole * 100 + fraction : Number.NaN;
  }

  /** The next word of this line; empty at its end. */
  word(): boolean {
    this.skipSpaces();
    const { bytes, end } = this;
    let { at } = this;
    this.wordStart = at;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === SPACE || byte === NEWLINE || byte === TAB) break;
    }
    this.at = at;
    this.wordEnd = at;
    return at > this.wordStart;
  }

  /** Whether the last word is this one. */
  isWord(word: Uint8Array): boolean {
    const { bytes, wordStart } = this;
    if (this.wordEnd - wordStart !== word.length) return false;
    for (let index = 0; index < word.length; index++)
      if (bytes[wordStart + index] !== word[index]) return false;
    return true;
  }

  /** The last word, each byte a character. */
  wordText(): string {
    return Buffer.from(this.bytes.subarray(this.wordStart, this.wordEnd)).toString("latin1");
  }

  /** Goes on with the next character when it is this one. */
  pass(byte: number): boolean {
    if (this.at >= this.end || this.bytes[this.at] !== byte) return false;
    this.at += 1;
    return true;
  }

  skipLine(): void {
    const { bytes, end } = this;
    let { at } = this;
    while (at < end && bytes[at] !== NEWLINE) at += 1;
    this.at = at < end ? at + 1 : end;
  }

  /** As {@link skipLine}, for lines of thousands of bytes. */
  skipLongLine(): void {
    const at = this.bytes.indexOf(NEWLINE, this.at);
    this.at = at < 0 || at >= this.end ? this.end : at + 1;
  }

  skipSpaces(): void {
    const { bytes, end } = this;
    let { at } = this;
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at += 1;
    this.at = at;
  }

  #isAtDigit(): boolean {
    const digit = (this.bytes[this.at] ?? 0) - ZERO;
    return this.at < this.end && digit >= 0 && digit <= NINE - ZERO;
  }

  #note(slot: number, scale: number, decimals: 0 | 2): void {
    this.skipSpaces();
    if (!this.#isAtDigit()) return;
    this.#places?.note({ at: this.at - this.#start, slot, scale, decimals });
  }
}
