/**
 * What the guest's kernel tells of the container and the VM, as numbers, as protobuf (proto/stats.proto), and at the
 * periods that somebody wants. Nothing in here knows who that is.
 */
export type { EncodedSample, Reading } from "./encoding/sample-encoder.ts";
export { type CounterMemory, KernelStatistics, type StatisticsSources } from "./kernel-statistics.ts";
export { ALL_GROUPS, GROUP } from "./values/schema.ts";
export type { StatsFolders } from "./collectors/collector.ts";
export { type FileSystemPlace, fileSystemAsker } from "./reading/file-system-status.ts";
export { kernelFileSource } from "./reading/kernel-files.ts";
export { Sampler, type Subscription } from "./sampling/sampler.ts";
