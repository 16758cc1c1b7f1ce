import type { Facts } from "../../portlayer/statistics/index.ts";
import type { Metric, MetricValue } from "./metric.ts";

/** A metric of what a machine is: its value is 1, and its labels are the facts. */
export interface FactMetric extends Omit<Metric, "read"> {
  /** What the guest does not tell is an empty label, which Prometheus takes for none. */
  readonly read: (facts: Facts) => MetricValue;
}

const MACHINE_LABELS: Readonly<Record<string, (facts: Facts) => string | undefined>> = {
  vendor: ({ hardware }) => hardware.vendor,
  product: ({ hardware }) => hardware.productName,
  firmware: ({ firmware }) => firmware.version,
  kernel: ({ operatingSystem }) => operatingSystem.release,
  architecture: ({ operatingSystem }) => operatingSystem.architecture,
  processor: ({ processor }) => processor.modelName,
};

/** What is said of each machine that has told it. */
export const FACT_METRICS: readonly FactMetric[] = [
  {
    name: "tether_machine_info",
    help: "1; its labels say what the machine is. vch stats --facts tells more.",
    type: "gauge",
    labels: Object.keys(MACHINE_LABELS),
    read: (facts) => ({
      labels: Object.fromEntries(
        Object.entries(MACHINE_LABELS).map(([label, read]) => [
          label,
          (read(facts) ?? "").slice(0, MOST_LABEL),
        ]),
      ),
      value: 1,
    }),
  },
];

/** Names are far shorter; a label is kept for each sample that Prometheus takes. */
const MOST_LABEL = 128;
