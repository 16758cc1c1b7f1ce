import { randomBytes } from "node:crypto";
import { TetherError } from "../../../protocol/errors/index.ts";
import type { VolumeContent } from "./volume-record.ts";

/** Sparse: what nobody writes takes no room on the host. */
const DEFAULT_SIZE_BYTES = 10 * 1024 ** 3;

/** ext4 needs room for a journal; mkfs.xfs refuses less than the latter. */
const LEAST_BYTES = { ext4: 8 * 1024 ** 2, xfs: 300 * 1024 ** 2 } as const;

/** virtio has 20 bytes for a serial number. */
const SERIAL_BYTES = 10;

/** The options that volumes have, by their types: others would be accepted for nothing. */
const KNOWN: Readonly<Record<VolumeContent["type"], readonly string[]>> = {
  ext4: ["type", "size"],
  xfs: ["type", "size"],
  nfs: ["type", "device", "o"],
  tmpfs: ["type", "device", "o"],
};

/**
 * What a volume is to be made of, by Docker's `--opt` (those of its driver `local`, and `size`).
 *
 * @param parseSize reads `10g`.
 * @throws TetherError `invalid-option`.
 */
export function contentOf(
  options: Readonly<Record<string, string>>,
  parseSize: (text: string) => number,
): VolumeContent {
  const type = options["type"] ?? "ext4";
  if (!isKnownType(type))
    throw new TetherError("invalid-option", `type=${type} is no type of a volume: ext4, xfs, nfs or tmpfs`);
  const unknown = Object.keys(options).find((name) => !KNOWN[type].includes(name));
  if (unknown !== undefined) throw new TetherError("invalid-option", `invalid option: "${unknown}"`);
  if (type === "nfs") return nfsOf(options);
  if (type === "tmpfs") return tmpfsOf(options["o"] ?? "", parseSize);
  const sizeBytes = options["size"] === undefined ? DEFAULT_SIZE_BYTES : parseSize(options["size"]);
  if (sizeBytes < LEAST_BYTES[type])
    throw new TetherError(
      "invalid-option",
      `size=${options["size"]}: ${type} needs at least ${LEAST_BYTES[type] / 1024 ** 2}m`,
    );
  // Disks have whole blocks.
  const whole = Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
  return { type, sizeBytes: whole, serial: randomBytes(SERIAL_BYTES).toString("hex") };
}

const BLOCK_BYTES = 4096;

function isKnownType(type: string): type is VolumeContent["type"] {
  return Object.hasOwn(KNOWN, type);
}

/** `device=:/path` and `o=addr=host,OPTION…`, as for Docker; or `device=host:/path`. */
function nfsOf({ device = "", o = "" }: Readonly<Record<string, string>>): VolumeContent {
  const words = o.split(",").filter((word) => word !== "");
  const address = words.find((word) => word.startsWith("addr="))?.slice("addr=".length);
  const [, named = "", path = ""] = /^(\[[^\]]+\]|[^:[]*):(\/.*)$/.exec(device) ?? [];
  const host = address ?? named.replace(/^\[|\]$/g, "");
  if (path === "")
    throw new TetherError(
      "invalid-option",
      `device=${device}: HOST:/PATH, or :/PATH with o=addr=HOST, is needed`,
    );
  if (host === "")
    throw new TetherError(
      "invalid-option",
      `device=${device}: whose folder it is must be said (o=addr=HOST)`,
    );
  // The mount's own options are given with the mount (`:ro`).
  const options = words.filter((word) => !word.startsWith("addr=") && word !== "rw");
  return { type: "nfs", host, path, options };
}

/** Docker's `o=size=100m,mode=1770`. */
function tmpfsOf(text: string, parseSize: (text: string) => number): VolumeContent {
  let [sizeBytes, mode] = [0, 0];
  for (const word of text.split(",").filter((each) => each !== "")) {
    const [name, value = ""] = word.split("=");
    if (name === "size") sizeBytes = parseSize(value);
    else if (name === "mode" && /^[0-7]{1,4}$/.test(value)) mode = Number.parseInt(value, 8);
    else throw new TetherError("invalid-option", `o=${text}: "${word}" is no option of a tmpfs volume`);
  }
  return { type: "tmpfs", sizeBytes, mode };
}
