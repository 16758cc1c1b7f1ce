import { isIP } from "node:net";
import { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { checkHostName } from "./names.ts";
import { checkAbsolutePath } from "./paths.ts";
import { bounded, checkEnum, checkSafe, checkText, quote } from "./text.ts";

type Volume = tether.config.Volume.$Properties;

/** ext4's superblock has 16 bytes for it, xfs's 12. */
const MOST_LABEL_BYTES = 16;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Host, channel, target and LUN, or target and LUN. */
const SCSI_ADDRESS = /^\d{1,5}:\d{1,5}(?::\d{1,5}:\d{1,5})?$/;
const FILE_SYSTEMS = new Set(["", "ext4", "xfs"]);

const MOST_NFS_OPTIONS = 64;
/** virtiofs has 36 bytes for it, 9p in QEMU 31. */
const MOST_TAG_BYTES = 36;
const MOST_MODE = 0o7777;
/** chown(2) takes this one for "as it is". */
const NOBODY = 0xffff_ffff;
/** Docker's secrets have half of that at most. */
const MOST_FILE_BYTES = 1024 * 1024;

/** Each kind of source: its field, and the check of its message. */
const SOURCES = {
  block: (volume: Volume, problems: Problems): void => checkBlock(volume, problems),
  nfs: (volume: Volume, problems: Problems): void => checkNfs(volume.nfs ?? {}, problems),
  tmpfs: (volume: Volume, problems: Problems): void => checkTmpfs(volume.tmpfs ?? {}, problems),
  hostFolder: (volume: Volume, problems: Problems): void => checkFolder(volume.hostFolder ?? {}, problems),
  file: (volume: Volume, problems: Problems): void => checkFile(volume.file ?? {}, problems),
} as const;

type Source = keyof typeof SOURCES;
const NAMES = Object.keys(SOURCES) as Source[];

/** config.proto's name of the field. */
const fieldOf = (source: Source): string => (source === "hostFolder" ? "host_folder" : source);

/** The sources that are given: more than one only in a document that is wrong. */
export function sourcesOf(volume: Volume): readonly Source[] {
  return NAMES.filter((name) => volume[name] !== null && volume[name] !== undefined);
}

/** Whether its content is made anew at each start. */
export function isMemory(volume: Volume): boolean {
  return sourcesOf(volume).some((source) => source === "tmpfs" || source === "file");
}

/** The oneof `source` of the message Volume. */
export function checkSource(volume: Volume, problems: Problems): void {
  const [source, other] = sourcesOf(volume);
  if (source === undefined)
    return problems.add(`has no source: one of ${NAMES.map(fieldOf).join(", ")} is needed`);
  if (other !== undefined) return problems.at(fieldOf(other)).add(`is given, and so is ${fieldOf(source)}`);
  SOURCES[source](volume, problems.at(fieldOf(source)));
}

function checkBlock({ block, readOnly }: Volume, problems: Problems): void {
  const { label, uuid, serial, scsiAddress, fileSystem, format } = block ?? {};
  if (!label && !uuid && !serial && !scsiAddress)
    problems.add("has no identification: label, uuid, serial or scsi_address is needed");
  checkText(label ?? "", problems.at("label"), MOST_LABEL_BYTES);
  if (uuid && !UUID.test(uuid)) problems.at("uuid").add(`${quote(uuid)} is no UUID`);
  checkText(serial ?? "", problems.at("serial"));
  if (scsiAddress && !SCSI_ADDRESS.test(scsiAddress))
    problems.at("scsi_address").add(`${quote(scsiAddress)} is no address like 2:0:1:0 or 1:0`);
  if (!FILE_SYSTEMS.has(fileSystem ?? ""))
    problems.at("file_system").add(`${quote(fileSystem ?? "")} is neither ext4 nor xfs`);
  if (format && !fileSystem) problems.at("format").add("is set, but file_system does not say as what");
  if (format && readOnly) problems.at("format").add("is set, but the volume is read-only");
}

function checkNfs(
  { host = "", path, options }: tether.config.NfsVolume.$Properties,
  problems: Problems,
): void {
  if (isIP(host ?? "") === 0) checkHostName(host ?? "", problems.at("host"));
  checkAbsolutePath(Buffer.from(path ?? ""), problems.at("path"));
  const at = problems.at("options");
  for (const [index, option] of bounded(options, MOST_NFS_OPTIONS, at).entries()) {
    checkText(option, at.at(index));
    if (option === "" || option.includes(",")) at.at(index).add(`${quote(option)} is not one option`);
  }
}

function checkTmpfs(tmpfs: tether.config.TmpfsVolume.$Properties, problems: Problems): void {
  checkSafe(tmpfs.sizeBytes, problems.at("size_bytes"));
  checkOwner(tmpfs, problems);
}

function checkFolder({ transport, tag }: tether.config.HostFolder.$Properties, problems: Problems): void {
  checkEnum(transport, tether.config.HostFolder.Transport, problems.at("transport"));
  if (!tag) problems.at("tag").add("is empty");
  checkText(tag ?? "", problems.at("tag"), MOST_TAG_BYTES);
}

function checkFile(file: tether.config.FileContent.$Properties, problems: Problems): void {
  const { length } = file.content ?? new Uint8Array();
  if (length > MOST_FILE_BYTES)
    problems.at("content").add(`has ${length} bytes; the most are ${MOST_FILE_BYTES}`);
  checkOwner(file, problems);
}

function checkOwner(
  { mode, uid, gid }: Pick<tether.config.TmpfsVolume.$Properties, "mode" | "uid" | "gid">,
  problems: Problems,
): void {
  if ((mode ?? 0) > MOST_MODE) problems.at("mode").add(`is ${(mode ?? 0).toString(8)}; the most is 07777`);
  if (uid === NOBODY) problems.at("uid").add(`is ${NOBODY}, which is nobody's`);
  if (gid === NOBODY) problems.at("gid").add(`is ${NOBODY}, which is nobody's`);
}
