import { stat } from "node:fs/promises";
import { basename } from "node:path";

import type { ToolRunner } from "../tool-runner.ts";
import { RawDisk } from "./disk-bytes.ts";
import { QCOW2 } from "./qcow2-header.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";

/** What a snapshot is made from. */
export interface NewSnapshot {
  /** The raw disk that it is to have the content of. */
  readonly disk: string;
  /** The snapshot that it is to stand on, in the same folder; undefined: none. */
  readonly parent: string | undefined;
  /** The file to make; it must not exist. */
  readonly target: string;
  readonly run: ToolRunner;
  readonly signal: AbortSignal | undefined;
}

const { clusterBytes } = QCOW2;

/** What is read at once: 2 MiB. With a cluster at a time a busy machine waits for each. */
const LONGEST_RUN = 32;

/** Of qemu-img's list of a disk's pieces: a hundred bytes each. */
const LIST_BYTES = 256 * 1024 * 1024;

/**
 * Makes a read-only snapshot of a raw disk: of each cluster that is other than its parent's. Only what is no hole of the
 * raw file is looked at: of a disk that has been made from its parent's, holes never grow.
 */
export async function makeSnapshot({ disk, parent, target, run, signal }: NewSnapshot): Promise<void> {
  await using source = await RawDisk.open(disk);
  await using below = parent === undefined ? undefined : await SnapshotReader.open(parent);
  const { size: sizeBytes } = await stat(disk);
  const backing = parent === undefined ? undefined : basename(parent);
  await using writer = await SnapshotWriter.create(target, { sizeBytes, backing });
  const zeros = Buffer.alloc(LONGEST_RUN * clusterBytes);
  for (const { first, count } of runsOf(await listPieces(disk, run, signal))) {
    signal?.throwIfAborted();
    const [position, length] = [first * clusterBytes, count * clusterBytes];
    const bytes = await source.read(position, length);
    const before = below === undefined ? zeros.subarray(0, length) : await below.read(position, length);
    for (const piece of differences(bytes, before))
      await writer.write(first + piece.first, clustersOf(bytes, piece));
  }
  await writer.finish();
}

interface Piece {
  readonly start: number;
  readonly length: number;
  readonly data: boolean;
}

async function listPieces(
  disk: string,
  run: ToolRunner,
  signal: AbortSignal | undefined,
): Promise<readonly Piece[]> {
  const { stdout } = await run("qemu-img", ["map", "-f", "raw", "--output=json", disk], {
    signal,
    outputBytes: LIST_BYTES,
  });
  return JSON.parse(stdout) as Piece[];
}

/** Clusters that follow each other. */
interface Run {
  readonly first: number;
  readonly count: number;
}

/** The clusters that have some of the data, each once, in order. */
function* runsOf(pieces: readonly Piece[]): Generator<Run> {
  let next = 0;
  for (const { start, length, data } of pieces) {
    if (!data) continue;
    const end = Math.ceil((start + length) / clusterBytes);
    next = Math.max(next, Math.floor(start / clusterBytes));
    while (next < end) {
      const count = Math.min(LONGEST_RUN, end - next);
      yield { first: next, count };
      next += count;
    }
  }
}

/** Where two of the same length differ. */
function* differences(bytes: Buffer, before: Buffer): Generator<Run> {
  if (bytes.equals(before)) return;
  const total = bytes.length / clusterBytes;
  const isSame = (index: number): boolean => {
    const one = { first: index, count: 1 };
    return clustersOf(bytes, one).equals(clustersOf(before, one));
  };
  for (let first = 0; first < total; first += 1) {
    if (isSame(first)) continue;
    let end = first + 1;
    while (end < total && !isSame(end)) end += 1;
    yield { first, count: end - first };
    first = end;
  }
}

function clustersOf(bytes: Buffer, { first, count }: Run): Buffer {
  return bytes.subarray(first * clusterBytes, (first + count) * clusterBytes);
}
