import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileRange, formatRanges, profilePath } from "./agent/prefetch-list.ts";

// Starts a container VM in which every page of the agent image is read on its own when it is used
// (`tether.profile`), while QEMU writes down each read, and keeps what was read of Node. Run it, after a set-up,
// when the pinned Node changes: `npm run profile-agent`.

const root = join(import.meta.dirname, "..");
const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;
/** Reading this much too much costs less than one more request. */
const MERGED_GAP_BYTES = 16 * PAGE_BYTES;

const workFolder = mkdtempSync(join(tmpdir(), "tether-profile-"));
try {
  const ranges = mergeRanges(toAgentFile(traceStart(workFolder)));
  const total = ranges.reduce((sum, { length }) => sum + length, 0);
  writeFileSync(profilePath, formatRanges(ranges));
  console.error(`${profilePath}: ${ranges.length} ranges, ${Math.round(total / 1024 / 1024)} MiB`);
} finally {
  rmSync(workFolder, { recursive: true, force: true });
}

/** @returns what was read of the agent image. */
function traceStart(folder: string): FileRange[] {
  const trace = join(folder, "trace");
  const wrapper = join(folder, "qemu-system-x86_64");
  // Puts the option for stage 0 in front of the kernel's words, and turns the trace on.
  writeFileSync(
    wrapper,
    `#!/bin/sh
n=$#
while [ $n -gt 0 ]; do
  case $1 in console=*) word="tether.profile $1" ;; *) word=$1 ;; esac
  set -- "$@" "$word"; shift; n=$((n - 1))
done
exec /usr/bin/qemu-system-x86_64 "$@" -D ${trace} -trace virtio_blk_handle_read
`,
  );
  chmodSync(wrapper, 0o755);
  const { status } = spawnSync(
    join(root, "bin/vch"),
    ["run", "--rm", `oci:${root}/build/demo-image:latest`, "/bin/true"],
    {
      env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, VCH_STATE: join(folder, "state") },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (status !== 0) throw new Error("the profiled start failed");
  const reads = [
    ...readFileSync(trace, "utf8").matchAll(
      /virtio_blk_handle_read vdev (\S+) req \S+ sector (\d+) nsectors (\d+)/g,
    ),
  ];
  // The agent image's device is the first that is read.
  const agent = reads[0]?.[1];
  return reads
    .filter(([, device]) => device === agent)
    .map(([, , sector, count]) => ({
      offset: Number(sector) * SECTOR_BYTES,
      length: Number(count) * SECTOR_BYTES,
    }));
}

/** The image is not compressed, so the executable lies in it in one piece, at a multiple of the page size. */
function toAgentFile(reads: readonly FileRange[]): FileRange[] {
  const image = join(root, "build/boot/agent.erofs");
  const executable = join(root, "build/agent/tether");
  const start = findPiece(image, executable);
  const size = statSync(join(root, "build/agent/node")).size;
  return reads
    .map(({ offset, length }) => ({ offset: offset - start, length }))
    .filter(({ offset }) => offset >= 0 && offset < size);
}

function findPiece(image: string, executable: string): number {
  const first = readPage(executable, PAGE_BYTES);
  const size = statSync(image).size;
  for (let offset = 0; offset < size; offset += PAGE_BYTES) {
    if (readPage(image, offset).equals(first)) return offset - PAGE_BYTES;
  }
  throw new Error("the agent is not found in its image");
}

function readPage(path: string, offset: number): Buffer {
  const descriptor = openSync(path, "r");
  try {
    const page = Buffer.alloc(Math.min(PAGE_BYTES, fstatSync(descriptor).size - offset));
    readSync(descriptor, page, 0, page.length, offset);
    return page;
  } finally {
    closeSync(descriptor);
  }
}

/** In the file's order, with small gaps closed. */
function mergeRanges(ranges: readonly FileRange[]): FileRange[] {
  const merged: FileRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const last = merged.at(-1);
    if (last !== undefined && range.offset <= last.offset + last.length + MERGED_GAP_BYTES) {
      const end = Math.max(last.offset + last.length, range.offset + range.length);
      merged[merged.length - 1] = { offset: last.offset, length: end - last.offset };
    } else {
      merged.push(range);
    }
  }
  return merged;
}
