import {
  figuresOf,
  perSecond,
  type RecordedContainer,
  type Sample,
  sum,
} from "../../../portlayer/statistics/index.ts";

/** A value at a time (milliseconds since 1970); undefined ends a line that goes on later. */
export interface Point {
  readonly timeMs: number;
  readonly value: number | undefined;
}

/** What is drawn of one container. */
export interface PlottedContainer {
  readonly name: string;
  readonly lines: Readonly<Record<LineName, readonly Point[]>>;
}

/** What is drawn: percent of a CPU, bytes, and bytes in a second. */
export const LINES = ["cpu", "memory", "received", "sent", "read", "written"] as const;
export type LineName = (typeof LINES)[number];

/** Samples that are so much farther apart than those before have nothing between them. */
const GAP_FACTOR = 5;
/** And at least so far: a guest that is busy is late at times. */
const LEAST_GAP_MS = 3_000;

/** Makes lines of samples, as they come; of each container in the order of time. */
export class PlotData {
  readonly #containers = new Map<string, Collected>();

  add(container: RecordedContainer, receivedMs: number, sample: Sample): void {
    let collected = this.#containers.get(container.id);
    if (collected === undefined) {
      collected = new Collected(container.name);
      this.#containers.set(container.id, collected);
    }
    collected.add(receivedMs, sample);
  }

  /** In the order in which they were first seen. */
  get containers(): PlottedContainer[] {
    return [...this.#containers.values()];
  }
}

class Collected implements PlottedContainer {
  readonly name: string;
  readonly lines = Object.fromEntries(LINES.map((name) => [name, [] as Point[]])) as Record<
    LineName,
    Point[]
  >;
  #before: { readonly timeMs: number; readonly sample: Sample } | undefined;
  #usualGapMs = LEAST_GAP_MS / GAP_FACTOR;

  constructor(name: string) {
    this.name = name;
  }

  add(timeMs: number, sample: Sample): void {
    const before = this.#before;
    this.#before = { timeMs, sample };
    if (before === undefined) {
      this.#push(timeMs, sample, undefined);
      return;
    }
    // A clock that goes back is that of the machine's next run.
    const isNewRun = sample.monotonicUs <= before.sample.monotonicUs;
    const gapMs = timeMs - before.timeMs;
    if (isNewRun || gapMs > Math.max(LEAST_GAP_MS, GAP_FACTOR * this.#usualGapMs)) {
      for (const name of LINES) this.lines[name].push({ timeMs, value: undefined });
      this.#push(timeMs, sample, undefined);
      return;
    }
    this.#usualGapMs = gapMs;
    this.#push(timeMs, sample, before.sample);
  }

  #push(timeMs: number, sample: Sample, before: Sample | undefined): void {
    const rate = (read: (each: Sample) => number | undefined): number | undefined =>
      before === undefined ? undefined : perSecond(sample, before, read);
    const { cpuPercent, memoryBytes } = figuresOf(sample, before);
    const values: Record<LineName, number | undefined> = {
      cpu: cpuPercent,
      memory: memoryBytes,
      received: rate(({ network }) => sum(network, ({ receivedBytes }) => receivedBytes)),
      sent: rate(({ network }) => sum(network, ({ sentBytes }) => sentBytes)),
      read: rate(({ containerIo }) => sum(containerIo?.devices, ({ readBytes }) => readBytes)),
      written: rate(({ containerIo }) => sum(containerIo?.devices, ({ writtenBytes }) => writtenBytes)),
    };
    for (const name of LINES) this.lines[name].push({ timeMs, value: values[name] });
  }
}
