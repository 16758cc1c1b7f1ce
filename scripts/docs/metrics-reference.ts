import { FACT_METRICS } from "../../src/cli/metrics/fact-metrics.ts";
import type { Metric } from "../../src/cli/metrics/metric.ts";
import { CONTAINER_LABELS, SAMPLE_METRICS, WATCH_METRICS } from "../../src/cli/metrics/metrics-table.ts";

/** The text of docs/reference/metrics.md, made from the exporter's table. */
export function metricsReference(): string {
  const own = CONTAINER_LABELS.map((label) => `\`${label}\``).join(", ");
  const watched = Object.values(WATCH_METRICS).map(({ name, help }) => row(name, "gauge", [], help));
  return [
    "# Metrics",
    "",
    "Made from `src/cli/metrics` by `npm run docs`; a test compares.",
    "",
    "What `vch metrics` serves at `/metrics`: in Prometheus's text format, or in OpenMetrics's when the request prefers",
    `it. Every metric has the labels ${own} of its container VM; those of the table come beside. A metric`,
    "is absent where the guest's kernel does not tell it, and all of a container VM are absent while it does not run. Its",
    "name tells its unit: bytes, seconds. `docs/guides/statistics.md` says how to use them.",
    "",
    "| metric | type | labels | meaning |",
    "|---|---|---|---|",
    ...watched,
    ...FACT_METRICS.map((metric) => row(metric.name, metric.type, metric.labels, metric.help)),
    ...SAMPLE_METRICS.map((metric: Metric) => row(metric.name, metric.type, metric.labels, metric.help)),
    "",
  ].join("\n");
}

function row(name: string, type: string, labels: readonly string[], help: string): string {
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`;
}
