/**
 * Statistics of container VMs on the host: what a guest sends is checked, made whole samples of, and put into Docker's
 * figures. The contract is proto/stats.proto.
 */
export { dockerStatistics, type StatisticsOwner } from "./docker-statistics.ts";
export { type Figures, figuresOf, perSecond, sum } from "./figures.ts";
export type { RecordedContainer } from "./recording/recording-writer.ts";
export type { Facts } from "./read-facts.ts";
export { readSample } from "./read-sample.ts";
export { type SamplePair, takePair } from "./sample-pair.ts";
export { SAMPLE_SHAPE, type Sample } from "./sample-shape.ts";
export { type Group, StatisticsChannel, type Subscription } from "./statistics-channel.ts";
export { StatisticsWatcher, type Watched, type WatcherComponents } from "./statistics-watcher.ts";
