import { setTimeout as delay } from "node:timers/promises";
import type { Execution } from "../../portlayer/execution/index.ts";
import { StatisticsWatcher } from "../../portlayer/statistics/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { Choose } from "../stats/chosen-containers.ts";
import { KnownDevices } from "./known-devices.ts";
import type { ListenAddress } from "./listen-address.ts";
import { MetricsServer } from "./metrics-server.ts";
import { type Exported, renderMetrics } from "./render-metrics.ts";

/** How metrics are served. */
export interface ServeRequest {
  /** All that run. */
  readonly choose: Choose;
  readonly open: Execution["openStatistics"];
  readonly address: ListenAddress;
  /** How often each guest is asked: 100 to 3,600,000. */
  readonly intervalMs: number;
  readonly onListening: (url: string) => void;
  readonly signal: AbortSignal;
}

/** Container VMs that come are seen so soon. */
const LIST_MS = 1_000;

/** Three samples that did not come, and a guest that is slow. */
const staleAfter = (intervalMs: number): number => 3 * intervalMs + 2_000;

/**
 * Serves the statistics of all container VMs that run, as of the latest sample of each: no request waits for a guest.
 *
 * @throws the signal's reason; TetherError `invalid-option` for an address or an interval that cannot be.
 */
export async function serveMetrics(request: ServeRequest): Promise<void> {
  const { choose, open, address, intervalMs, onListening, signal } = request;
  if (intervalMs < 100 || intervalMs > 3_600_000)
    throw new TetherError("invalid-option", "--interval must be between 100ms and 1h");
  await using watcher = new StatisticsWatcher({
    open,
    subscription: { periodMs: intervalMs },
    ...{ takesPast: false, takesFacts: true },
  });
  const present = new PresentContainers(choose, watcher);
  present.update();
  await using server = await MetricsServer.listen(address, (format) =>
    renderMetrics(present.exported(), {
      format,
      staleMs: staleAfter(intervalMs),
      nowMs: performance.now(),
    }),
  );
  onListening(server.url);
  while (!signal.aborted) {
    await delay(LIST_MS, undefined, { signal }).catch(() => {
      // The loop's condition tells.
    });
    present.update();
  }
  signal.throwIfAborted();
}

/** The container VMs that are up, and what they have named so far. */
class PresentContainers {
  readonly #choose: Choose;
  readonly #watcher: StatisticsWatcher;
  #all = new Map<string, Omit<Exported, "watched">>();

  constructor(choose: Choose, watcher: StatisticsWatcher) {
    this.#choose = choose;
    this.#watcher = watcher;
  }

  update(): void {
    this.#all = new Map(
      this.#choose().map(({ record }) => {
        const devices = this.#all.get(record.id)?.devices ?? new KnownDevices(record.cpus);
        return [record.id, { container: record, devices }];
      }),
    );
    this.#watcher.watch(this.#all.keys());
  }

  exported(): Exported[] {
    return [...this.#all].map(([id, each]) => ({ ...each, watched: this.#watcher.latest(id) }));
  }
}
