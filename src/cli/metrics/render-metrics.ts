import { Counter, Gauge, Registry } from "prom-client";
import type { RecordedContainer, Watched } from "../../portlayer/statistics/index.ts";
import { FACT_METRICS } from "./fact-metrics.ts";
import type { KnownDevices } from "./known-devices.ts";
import type { Metric, MetricValue } from "./metric.ts";
import { CONTAINER_LABELS, SAMPLE_METRICS, WATCH_METRICS } from "./metrics-table.ts";

/** A container VM that is up, and the latest that is known of it. */
export interface Exported {
  readonly container: RecordedContainer;
  readonly watched: Watched | undefined;
  readonly devices: KnownDevices;
}

/** The formats that can be asked for. */
export const PROMETHEUS_TEXT = Registry.PROMETHEUS_CONTENT_TYPE;
export const OPENMETRICS_TEXT = Registry.OPENMETRICS_CONTENT_TYPE;
export type MetricsFormat = typeof PROMETHEUS_TEXT | typeof OPENMETRICS_TEXT;

/** What is served, and how. */
export interface RenderOptions {
  readonly format: MetricsFormat;
  /** An older sample is not served: its container VM counts as one that sends none. */
  readonly staleMs: number;
  /** By performance.now(). */
  readonly nowMs: number;
}

/**
 * The metrics of container VMs in one of Prometheus's formats. Made anew each time, so that nothing is left of those
 * that are gone.
 */
export function renderMetrics(containers: readonly Exported[], options: RenderOptions): Promise<string> {
  const registry = new Registry<MetricsFormat>();
  registry.setContentType(options.format);
  const fresh = containers.filter(({ watched }) => isFresh(watched, options));
  const hidden = new Map<Exported, Set<string>>();
  const ofSamples = SAMPLE_METRICS.map(
    (metric) => [metric, fresh.flatMap((each) => exported(metric, each, hidden))] as const,
  );
  addWatch(registry, containers, fresh, hidden, options);
  for (const metric of FACT_METRICS) {
    const values = fresh.flatMap(({ container, watched }) => {
      const value = watched?.facts === undefined ? undefined : metric.read(watched.facts);
      return value === undefined ? [] : { ...value, labels: { ...labelsOf(container), ...value.labels } };
    });
    add(registry, metric, values);
  }
  for (const [metric, values] of ofSamples) add(registry, metric, values);
  return registry.metrics();
}

function isFresh(watched: Watched | undefined, { staleMs, nowMs }: RenderOptions): boolean {
  return watched?.now !== undefined && nowMs - (watched.receivedMs ?? 0) <= staleMs;
}

/** The values of one container VM; what is left out is counted by its names. */
function exported(metric: Metric, each: Exported, hidden: Map<Exported, Set<string>>): MetricValue[] {
  const { container, watched, devices } = each;
  const values = watched?.now === undefined ? [] : metric.read(watched.now);
  const known = devices.known(metric.name, values);
  if (known.length < values.length) {
    const names = hidden.get(each) ?? new Set();
    hidden.set(each, names);
    for (const value of values) if (!known.includes(value)) names.add(JSON.stringify(value.labels));
  }
  return known.map(({ labels, value }) => ({ labels: { ...labelsOf(container), ...labels }, value }));
}

function addWatch(
  registry: Registry<MetricsFormat>,
  containers: readonly Exported[],
  fresh: readonly Exported[],
  hidden: ReadonlyMap<Exported, ReadonlySet<string>>,
  { nowMs }: RenderOptions,
): void {
  const gauge = (
    { name, help }: { readonly name: string; readonly help: string },
    of: readonly Exported[],
    read: (each: Exported) => number,
  ): void => {
    const values = of.map((each) => ({ labels: labelsOf(each.container), value: read(each) }));
    add(registry, { name, help, type: "gauge", labels: [] }, values);
  };
  const isServed = new Set(fresh);
  gauge(WATCH_METRICS.up, containers, (each) => (isServed.has(each) ? 1 : 0));
  gauge(WATCH_METRICS.age, fresh, ({ watched }) => Math.round(nowMs - (watched?.receivedMs ?? nowMs)) / 1000);
  gauge(WATCH_METRICS.hidden, fresh, (each) => hidden.get(each)?.size ?? 0);
}

function add(
  registry: Registry<MetricsFormat>,
  { name, help, type, labels }: Omit<Metric, "read">,
  values: readonly MetricValue[],
): void {
  // Nothing is said of what nobody has.
  if (values.length === 0) return;
  const options = { name, help, labelNames: [...CONTAINER_LABELS, ...labels], registers: [registry] };
  if (type === "gauge") {
    const gauge = new Gauge(options);
    for (const each of values) gauge.set({ ...each.labels }, each.value);
    return;
  }
  const counter = new Counter(options);
  for (const each of values) counter.inc({ ...each.labels }, each.value);
}

function labelsOf({ id, name, image }: RecordedContainer): Record<(typeof CONTAINER_LABELS)[number], string> {
  return { id, name, image };
}
