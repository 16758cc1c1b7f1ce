import type { MetricValue } from "./metric.ts";

/** More devices than a container VM has; a server of metrics keeps a series for each name that it has ever seen. */
const MOST_NAMES = 64;

/** A machine has no more CPUs than its record says, and each has eight modes. */
const MODES = 8;

/**
 * The devices that a container VM has named so far. A guest that names ever new ones would fill the memory of whoever
 * collects its metrics: after the first 64 of a metric (and its machine's CPUs) it has no more.
 */
export class KnownDevices {
  readonly #names = new Map<string, Set<string>>();
  readonly #mostOfCpus: number;

  /** @param cpus how many the machine has. */
  constructor(cpus: number) {
    this.#mostOfCpus = cpus * MODES;
  }

  /** Those values of a metric that may be served. */
  known(metric: string, values: readonly MetricValue[]): MetricValue[] {
    let names = this.#names.get(metric);
    if (names === undefined) this.#names.set(metric, (names = new Set()));
    const all = names;
    return values.filter(({ labels }) => {
      const name = JSON.stringify(labels);
      const most = "cpu" in labels ? this.#mostOfCpus : MOST_NAMES;
      if (all.size < most) all.add(name);
      return all.has(name);
    });
  }
}
