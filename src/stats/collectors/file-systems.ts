import { textField } from "../encoding/shape.ts";
import { EntryList } from "../reading/entry-list.ts";
import type { FileSystemStatus } from "../reading/file-system-status.ts";
import { FIELDS, GROUP, indexOf, SAMPLE_FIELD } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import type { Collector, CollectorParts } from "./collector.ts";

/** The fields of FileSystem that are no numbers. */
const MOUNT_POINT_FIELD = 1;
const TYPE_FIELD = 2;

/** The names of what statfs(2) has a number for (linux/magic.h). */
const TYPES: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x01021994, "tmpfs"],
  [0x6969, "nfs"],
  [0x9123683e, "btrfs"],
  [0xe0f5e1e2, "erofs"],
  [0x794c7630, "overlay"],
]);

const SIZE = indexOf("FileSystem", "size_bytes");
const USED = indexOf("FileSystem", "used_bytes");
const AVAILABLE = indexOf("FileSystem", "available_bytes");
const INODES = indexOf("FileSystem", "inodes");
const USED_INODES = indexOf("FileSystem", "used_inodes");

/** A path of the container's as text. */
const LONGEST_MOUNT_POINT = 4096;

/**
 * Size and use of the container's file systems.
 *
 * @param ask what there is at the moment, and what each says of itself.
 */
export function fileSystems(
  { values }: Pick<CollectorParts, "values">,
  ask: () => readonly FileSystemStatus[],
): Collector {
  const group = GROUP.FILE_SYSTEMS;
  const types = new Map<string, string>();
  const list = new EntryList({
    ...{ values, name: "file-system", field: SAMPLE_FIELD[group], numbers: FIELDS.FileSystem },
    identify: (mountPoint) => {
      const type = types.get(mountPoint);
      return {
        identity: textField(MOUNT_POINT_FIELD, mountPoint),
        ...(type === undefined ? {} : { description: textField(TYPE_FIELD, type) }),
      };
    },
  });
  let known: readonly KnownFileSystem[] = [];
  const findRows = (all: readonly FileSystemStatus[]): void => {
    list.begin();
    known = all.map(({ mountPoint, status: { type } }) => {
      if (mountPoint.length > LONGEST_MOUNT_POINT) return { mountPoint, type, row: undefined };
      // Before its entry is made, which has it from its beginning.
      types.set(mountPoint, TYPES.get(type) ?? `0x${type.toString(16)}`);
      return { mountPoint, type, row: list.findName(mountPoint) };
    });
    list.end();
  };
  const refresh = (): void => {
    const all = ask();
    // As a rule they are those of the last reading.
    if (!isKnown(all, known)) findRows(all);
    for (let index = 0; index < all.length; index++) {
      const row = known[index]?.row;
      const status = all[index]?.status;
      if (row !== undefined && status !== undefined) write(values, row, status);
    }
  };
  return { group, files: [], messages: () => list.messages, refresh };
}

interface KnownFileSystem {
  readonly mountPoint: string;
  readonly type: number;
  /** Undefined: there is none for it. */
  readonly row: number | undefined;
}

function isKnown(all: readonly FileSystemStatus[], known: readonly KnownFileSystem[]): boolean {
  return (
    all.length === known.length &&
    all.every(
      ({ mountPoint, status }, index) =>
        known[index]?.mountPoint === mountPoint && known[index].type === status.type,
    )
  );
}

function write(values: Values, row: number, status: FileSystemStatus["status"]): void {
  const { bsize, blocks, bfree, bavail, files, ffree } = status;
  values.set(row + SIZE, blocks * bsize);
  values.set(row + USED, (blocks - bfree) * bsize);
  values.set(row + AVAILABLE, bavail * bsize);
  // xfs and others that make them when they are needed have a number; NFS may have none.
  values.set(row + INODES, files === 0 ? Number.NaN : files);
  values.set(row + USED_INODES, files === 0 ? Number.NaN : files - ffree);
}
