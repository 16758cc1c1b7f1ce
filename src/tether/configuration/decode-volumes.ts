import type { Propagation, VolumeConfiguration, VolumeSource } from "../../init/volumes/configuration.ts";
import { fromBytes, type ByteString } from "../../protocol/archive/byte-string.ts";
import { tether } from "../../protocol/generated/config.js";

/** How long a device or a server is waited for when the document does not say. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** What a document says of volumes, in the agent's words. It has been checked. */
export function decodeVolumes(volumes: readonly tether.config.Volume.$Properties[]): VolumeConfiguration[] {
  return volumes.map((volume) => ({
    name: volume.name ?? "",
    target: namesOf(volume.target),
    isReadOnly: volume.readOnly ?? false,
    subPath: namesOf(volume.subPath).join("/"),
    isPopulated: volume.populate ?? false,
    propagation: PROPAGATIONS[volume.propagation ?? Kind.PRIVATE],
    options: volume.options ?? [],
    timeoutMs: volume.timeoutMs || DEFAULT_TIMEOUT_MS,
    source: decodeSource(volume),
  }));
}

const { Propagation: Kind } = tether.config.Volume;

/** A volume is one mount, without others below it: the recursive forms are the same. */
const PROPAGATIONS: Readonly<Record<tether.config.Volume.Propagation, Propagation>> = {
  [Kind.PRIVATE]: "private",
  [Kind.RPRIVATE]: "private",
  [Kind.SHARED]: "shared",
  [Kind.RSHARED]: "shared",
  [Kind.SLAVE]: "slave",
  [Kind.RSLAVE]: "slave",
};

/** Any bytes, character for byte. */
function namesOf(path: Uint8Array | null | undefined): ByteString[] {
  return fromBytes(path ?? new Uint8Array())
    .split("/")
    .filter((name) => name !== "" && name !== ".");
}

function decodeSource(volume: tether.config.Volume.$Properties): VolumeSource {
  const { block, nfs, tmpfs, hostFolder, file } = volume;
  if (block) return decodeBlock(block);
  if (nfs) return { kind: "nfs", host: nfs.host ?? "", path: nfs.path ?? "", options: nfs.options ?? [] };
  if (hostFolder)
    return {
      kind: "host-folder",
      transport: hostFolder.transport === tether.config.HostFolder.Transport.VIRTIOFS ? "virtiofs" : "9p",
      tag: hostFolder.tag ?? "",
    };
  const { mode, uid, gid } = file ?? tmpfs ?? {};
  const owner = { uid: uid ?? 0, gid: gid ?? 0 };
  if (file) return { kind: "file", content: file.content ?? new Uint8Array(), mode: mode || 0o444, ...owner };
  return { kind: "tmpfs", sizeBytes: tmpfs?.sizeBytes ?? 0, mode: mode || 0o1777, ...owner };
}

function decodeBlock(block: tether.config.BlockVolume.$Properties): VolumeSource {
  const { label, uuid, serial, scsiAddress, fileSystem, format } = block;
  return {
    kind: "block",
    label: label || undefined,
    uuid: uuid?.toLowerCase() || undefined,
    serial: serial || undefined,
    scsiAddress: scsiAddress || undefined,
    fileSystem: fileSystem === "ext4" || fileSystem === "xfs" ? fileSystem : undefined,
    isFormatted: format ?? false,
  };
}
