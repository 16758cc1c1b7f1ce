import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createContainerDisk } from "../../src/portlayer/storage/index.ts";
import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { formatRange, median } from "../statistics.ts";

const LIMIT_MS = 50;

/** It takes milliseconds: more samples cost nothing. */
const SAMPLES_PER_ROUND = 4;

/** A hundred times the demo image's: the image's size must not matter. */
const LARGE_IMAGE_BYTES = 100 * 1024 ** 3;

/** Making a container's disk over the demo image's, and over a very large one. */
export async function measureDiskCreation(host: BenchHost, rounds: number): Promise<Measurement> {
  const largeImage = join(host.folder, "large.raw");
  await makeSparse(largeImage, LARGE_IMAGE_BYTES);
  const samples: { demo: number[]; large: number[] } = { demo: [], large: [] };
  // The first one loads qemu-img.
  await timeCreation(host, host.imageDisk);
  for (let index = 0; index < rounds * SAMPLES_PER_ROUND; index += 1) {
    samples.demo.push(await timeCreation(host, host.imageDisk));
    samples.large.push(await timeCreation(host, largeImage));
  }
  await rm(largeImage);
  const row = (label: string, values: readonly number[]) => {
    const note = `${formatRange(values, 1)} ms in ${values.length} samples`;
    return { label, value: median(values), limit: LIMIT_MS, unit: "ms" as const, note };
  };
  return {
    rows: [
      row("create a container's disk, demo image", samples.demo),
      row("create a container's disk, 100 GiB image", samples.large),
    ],
    samples,
  };
}

async function timeCreation({ folder, signal }: BenchHost, image: string): Promise<number> {
  const target = join(folder, "timed.qcow2");
  const startMs = performance.now();
  await createContainerDisk({ image, target, signal });
  const elapsedMs = performance.now() - startMs;
  await rm(target);
  return elapsedMs;
}

async function makeSparse(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, "wx");
  await file.truncate(sizeBytes);
}
