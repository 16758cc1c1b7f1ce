import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type TarEntry, writeOciImage } from "./images/index.ts";

const BUSYBOX = "/bin/busybox";

/** What a test's image has beside a busybox with all its applets. */
export interface BusyboxImage {
  readonly passwd?: string;
  readonly group?: string;
  /** Further members of the layer. */
  readonly entries?: readonly TarEntry[];
  /** The `config` object of the image configuration. */
  readonly config?: object;
}

/** Writes an image around Debian's static busybox. @returns the image's reference. */
export async function writeBusyboxImage(folder: string, content: BusyboxImage): Promise<string> {
  const { config = {}, ...layer } = content;
  await writeOciImage(folder, { layers: [busyboxLayer(layer)], compression: "none", config });
  return `oci:${folder}:latest`;
}

/** A root file system of busybox. */
export function busyboxLayer({ passwd, group, entries = [] }: Omit<BusyboxImage, "config"> = {}): TarEntry[] {
  const applets = execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).trim().split("\n");
  return [
    { name: "bin/" },
    { name: "etc/" },
    { name: "root/", mode: 0o700 },
    { name: "home/worker/", uid: 1000, gid: 1000 },
    { name: "tmp/", mode: 0o1777 },
    { name: "bin/busybox", mode: 0o755, data: readFileSync(BUSYBOX) },
    ...applets
      .filter((name) => name !== "busybox")
      .map((name): TarEntry => ({ name: `bin/${name}`, type: "symlink", linkname: "busybox" })),
    { name: "etc/passwd", data: passwd ?? "root:x:0:0:root:/root:/bin/sh\n" },
    { name: "etc/group", data: group ?? "root:x:0:\n" },
    ...entries,
  ];
}
