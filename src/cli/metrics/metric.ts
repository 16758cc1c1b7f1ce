import type { Sample } from "../../portlayer/statistics/index.ts";

/** One value of a metric, with what tells it from others of the same container VM. */
export interface MetricValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric of the exporter, as `docs/reference/metrics.md` has it. */
export interface Metric {
  /** By the conventions of Prometheus: base units, a counter ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** Beside those of the container VM. */
  readonly labels: readonly string[];
  /** What a sample says of it; nothing where the guest's kernel does not tell. */
  readonly read: (sample: Sample) => MetricValue[];
}

/** A number of a sample. */
type Read = (sample: Sample) => number | undefined;

/** The factor that makes it one of the base unit. */
type Scale = number;

export const fromMicroseconds: Scale = 1e-6;
export const fromMilliseconds: Scale = 1e-3;
export const fromHundredths: Scale = 1e-2;
export const fromBits: Scale = 1 / 8;

/** A metric with one value for each container VM. */
export function single(name: string, help: string, read: Read, scale: Scale = 1): Metric {
  return {
    ...named(name, help),
    labels: [],
    read: (sample) => valueOf(read(sample), {}, scale),
  };
}

/** A metric with a value for each word of a label. */
export function byWord(
  name: string,
  help: string,
  label: string,
  words: Readonly<Record<string, Read>>,
  scale: Scale = 1,
): Metric {
  return {
    ...named(name, help),
    labels: [label],
    read: (sample) =>
      Object.entries(words).flatMap(([word, read]) => valueOf(read(sample), { [label]: word }, scale)),
  };
}

/** Metrics with a value for each device, each CPU or each file system of a list. */
export function listed<T>(
  list: (sample: Sample) => readonly T[] | undefined,
  labels: (each: T) => Readonly<Record<string, string>>,
  names: readonly string[],
): (name: string, help: string, read: (each: T) => number | undefined, scale?: Scale) => Metric {
  return (name, help, read, scale = 1) => ({
    ...named(name, help),
    labels: names,
    read: (sample) => (list(sample) ?? []).flatMap((each) => valueOf(read(each), labels(each), scale)),
  });
}

function named(name: string, help: string): Pick<Metric, "name" | "help" | "type"> {
  return { name, help, type: name.endsWith("_total") ? "counter" : "gauge" };
}

function valueOf(
  value: number | undefined,
  labels: Readonly<Record<string, string>>,
  scale: Scale,
): MetricValue[] {
  // Divided, since a tenth has no exact form: 0.1 and not 0.1000000000000001.
  return value === undefined ? [] : [{ labels, value: scale === 1 ? value : value / Math.round(1 / scale) }];
}
