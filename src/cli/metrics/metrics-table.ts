import { CONTAINER_METRICS } from "./container-metrics.ts";
import { AGENT_METRICS, DEVICE_METRICS, MACHINE_METRICS } from "./machine-metrics.ts";
import type { Metric } from "./metric.ts";

/** Labels that every metric has. */
export const CONTAINER_LABELS = ["id", "name", "image"] as const;

/** Everything that a sample says, in the order in which it is served. */
export const SAMPLE_METRICS: readonly Metric[] = [
  ...CONTAINER_METRICS,
  ...MACHINE_METRICS,
  ...DEVICE_METRICS,
  ...AGENT_METRICS,
];

/** What the exporter itself knows of each container VM. */
export const WATCH_METRICS = {
  up: {
    name: "tether_container_up",
    help: "1 while the container VM sends samples, 0 while it is up and does not.",
  },
  age: {
    name: "tether_container_sample_age_seconds",
    help: "How old the sample is that is served.",
  },
  hidden: {
    name: "tether_container_hidden_devices",
    help: "Devices, file systems and CPUs that are left out, because the guest has named too many.",
  },
} as const;
