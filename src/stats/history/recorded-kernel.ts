import type { Reading } from "../encoding/sample-encoder.ts";
import { KernelStatistics } from "../kernel-statistics.ts";
import type { FileSystemStatus } from "../reading/file-system-status.ts";
import { type FileSource, NUMBERS_PER_PLACE } from "../reading/kernel-files.ts";
import type { FileBatch } from "../../system/system.ts";
import { type Sources, sourcesOf } from "./recording.ts";
import type { Row, SourceText } from "./rows.ts";

/** Makes samples of what was recorded, as of the kernel's files themselves. */
export class RecordedKernel {
  readonly #description: Buffer;
  readonly #sources: Sources;
  readonly #kernel: KernelStatistics;
  #row: Row | undefined;

  /** @param description of the rows that follow. */
  constructor(description: Buffer) {
    this.#description = description;
    this.#sources = sourcesOf(description);
    const { files, folders } = this.#sources;
    this.#kernel = new KernelStatistics({
      ...{ folders, files: new RecordedFiles(files, () => this.#row) },
      fileSystems: () => this.#fileSystems(),
      ...{ restarts: undefined, clockOffsetUs: () => undefined },
      counters: { read: () => undefined, write: () => {} },
    });
  }

  /** Whether rows with this description can be read. */
  isOf(description: Buffer): boolean {
    return this.#description === description || this.#description.equals(description);
  }

  read(row: Row): Reading {
    this.#row = row;
    return { ...this.#kernel.read(), monotonicUs: row.monotonicUs, wallUs: row.wallUs };
  }

  #fileSystems(): FileSystemStatus[] {
    const { files, mountPoints } = this.#sources;
    return mountPoints.flatMap((mountPoint, index) => {
      const text = this.#row?.texts[files.length + index];
      return typeof text === "string" ? [{ mountPoint, status: statusOf(text) }] : [];
    });
  }
}

/** As native/addon/recorder.c writes statfs(2). */
function statusOf(text: string): FileSystemStatus["status"] {
  const [type = 0, bsize = 0, blocks = 0, bfree = 0, bavail = 0, files = 0, ffree = 0] = text
    .split(" ")
    .map(Number);
  return { type, bsize, blocks, bfree, bavail, files, ffree };
}

class RecordedFiles implements FileSource {
  /** What is there in a row is known. */
  readonly readingsBetweenTries = 1;
  readonly followsNumbers = false;
  readonly #index: ReadonlyMap<string, number>;
  readonly #row: () => Row | undefined;

  constructor(files: readonly string[], row: () => Row | undefined) {
    this.#index = new Map(files.map((path, index) => [path, index]));
    this.#row = row;
  }

  open(path: string): number {
    const index = this.#index.get(path) ?? -1;
    return typeof this.#text(index) === "string" ? index : -1;
  }

  read({ descriptors, places, content }: FileBatch): number {
    let toLookAt = 0;
    descriptors.forEach((descriptor, index) => {
      if (descriptor < 0) return;
      const place = places.subarray(index * NUMBERS_PER_PLACE, (index + 1) * NUMBERS_PER_PLACE);
      if (renew(place, content, this.#text(descriptor) ?? 0)) toLookAt += 1;
    });
    return toLookAt;
  }

  close(): void {}

  #text(index: number): SourceText | undefined {
    return this.#row()?.texts[index];
  }
}

/** @returns whether it is different. */
function renew(place: Int32Array, content: Uint8Array, text: SourceText): boolean {
  const [offset = 0, capacity = 0, length = 0] = place;
  const bytes = Buffer.from(typeof text === "string" ? text : "", "latin1").subarray(0, capacity);
  const nextLength = typeof text === "string" ? bytes.length : -text;
  const isSame =
    nextLength === length && bytes.equals(content.subarray(offset, offset + Math.max(nextLength, 0)));
  if (!isSame) content.set(bytes, offset);
  place.set([nextLength, isSame ? 0 : 1], 2);
  return !isSame;
}
