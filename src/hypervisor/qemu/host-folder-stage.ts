import { readFileSync } from "node:fs";
import { TetherError } from "../../protocol/errors/index.ts";
import { type MachineFolder, MACHINE_FILE } from "../machine-folder.ts";

/**
 * Where virtiofsd finds what it shares, in a mount namespace of its own: Debian has it (base-files), and whatever is there
 * for others stays as it is. A fixed path, since virtiofsd splits its options at commas.
 */
export const STAGE = "/mnt";

/** In the machine's folder: empty but in virtiofsd's mount namespace, where a single file's own folder is mounted on it. */
export const FILE_FOLDER = "shared-file";

/** What /etc/fstab has for the same paths is no matter here. */
const READ_ONLY = "--options-source mtab -o remount,bind,ro";

/**
 * Mounts a folder or file on the stage, and becomes the program that follows. Words that are not from here are parameters
 * only, which no shell reads.
 */
const SCRIPT = `
set -e
kind=$1 source=$2; shift 2
case $kind in
  file)
    mount -t tmpfs -o mode=755,size=4k,nr_inodes=8 tmpfs ${FILE_FOLDER}
    : > ${FILE_FOLDER}/${MACHINE_FILE}
    mount --bind -- "$source" ${FILE_FOLDER}/${MACHINE_FILE}
    mount ${READ_ONLY} ${FILE_FOLDER}
    mount --rbind ${FILE_FOLDER} ${STAGE} ;;
  folder) mount --bind -- "$source" ${STAGE} ;;
  tree) mount --rbind -- "$source" ${STAGE} ;;
esac
while [ "$1" != -- ]; do
  # One that another is mounted over is reached by nobody.
  if mountpoint -q -- "${STAGE}$1"; then mount ${READ_ONLY} -- "${STAGE}$1"; fi
  shift
done
shift
exec "$@"
`;

/** Mounts of this machine; another file in tests. */
const MOUNTS = "/proc/self/mountinfo";

/**
 * The command that runs a program where nothing but one shared folder or file is on the stage: in a mount namespace of its
 * own, which ends with it. To be run in the machine's folder.
 *
 * @param program and its arguments.
 */
export function stagedCommand(
  folder: MachineFolder,
  program: readonly string[],
  mounts: string = MOUNTS,
): readonly [string, ...string[]] {
  const { source, isFile, isRecursive, isReadOnly, followsMounts } = folder;
  const tree = isRecursive ? "tree" : "folder";
  return [
    "unshare",
    ...["--mount", "--propagation", followsMounts ? "slave" : "private", "--"],
    ...["sh", "-c", SCRIPT, "stage", isFile ? "file" : tree, source],
    ...(isReadOnly ? readOnlyPlaces(folder, readFileSync(mounts, "latin1")) : []),
    ...["--", ...program],
  ];
}

/** On the stage, each a mount of its own. */
function readOnlyPlaces({ source, isFile, isRecursive }: MachineFolder, mounts: string): string[] {
  if (isFile) return [`/${MACHINE_FILE}`];
  return ["/", ...(isRecursive ? mountsBelow(source, mounts).map((path) => `/${path}`) : [])];
}

/**
 * What is mounted below a folder.
 *
 * @param mounts as proc(5) has it in mountinfo, bytes as latin1.
 * @returns paths below the folder.
 */
export function mountsBelow(folder: string, mounts: string): string[] {
  const prefix = folder === "/" ? "/" : `${folder}/`;
  const below = parseMounts(mounts)
    .map(({ point }) => point)
    .filter((point) => point.startsWith(prefix) && point !== folder);
  return [...new Set(below)].map((point) => point.slice(prefix.length));
}

/**
 * What is mounted on this machine reaches other mount namespaces from mounts that say so only (mount_namespaces(7)).
 *
 * @param mounts as {@link mountsBelow} has it.
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function requirePropagation(folders: readonly MachineFolder[], mounts?: string): void {
  const following = folders.filter(({ followsMounts }) => followsMounts);
  if (following.length === 0) return;
  const all = parseMounts(mounts ?? readFileSync(MOUNTS, "latin1"));
  for (const { source } of following) {
    const around = all.filter(
      ({ point }) => source === point || source.startsWith(point === "/" ? "/" : `${point}/`),
    );
    // The deepest; of several at one place the last is on top.
    const mount = around.toSorted((one, other) => one.point.length - other.point.length).at(-1);
    if (mount?.propagates === true) continue;
    throw new TetherError(
      "invalid-option",
      `path ${source} is mounted on ${mount?.point ?? "/"} but it is not a shared or slave mount`,
    );
  }
}

interface Mount {
  readonly point: string;
  /** It is a peer or a slave of others. */
  readonly propagates: boolean;
}

function parseMounts(mounts: string): Mount[] {
  return mounts.split("\n").flatMap((line) => {
    const [point, , ...optional] = line.split(" ").slice(4);
    if (point === undefined) return [];
    const tags = optional.slice(0, optional.indexOf("-"));
    return [{ point: unescape(point), propagates: tags.some((tag) => /^(?:shared|master):/.test(tag)) }];
  });
}

/** The kernel writes spaces, tabs, newlines and backslashes in octal. */
function unescape(text: string): string {
  const bytes = text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}
