import { type MountSettings, parseMounts, parseSize } from "../../portlayer/execution/index.ts";
import { refused } from "../http/api-error.ts";
import type { FieldReader } from "./fields.ts";

/**
 * `HostConfig.Binds`, `.Mounts` and `.Tmpfs`, and `Config.Volumes`.
 *
 * @throws ApiError 400, 501; TetherError `invalid-option` in Docker's words.
 */
export function readMounts(config: FieldReader, host: FieldReader): MountSettings[] {
  const binds = host.texts("Binds");
  const mounts = host.objects("Mounts").map(readMount);
  const tmpfs = Object.entries(host.map("Tmpfs")).map(([path, options]) =>
    options === "" ? unambiguous("Tmpfs", path, ":") : `${unambiguous("Tmpfs", path, ":")}:${options}`,
  );
  const settings = parseMounts({ volumes: binds, mounts, tmpfs }, parseSize);
  const taken = new Set(settings.map(({ target }) => target));
  // What is mounted there already needs no volume without a name.
  const anonymous = config
    .names("Volumes")
    .filter((path) => !taken.has(path))
    .map((path) => unambiguous("Volumes", path, ":"));
  return [...settings, ...parseMounts({ volumes: anonymous, mounts: [], tmpfs: [] }, parseSize)];
}

/** One of `HostConfig.Mounts`, in the words of `--mount`. */
function readMount(mount: FieldReader): string {
  const words: string[] = [];
  const add = (key: string, value: string): void => {
    if (value !== "") words.push(`${key}=${unambiguous(`Mounts.${key}`, value, ",")}`);
  };
  add("type", mount.text("Type") || "volume");
  add("src", mount.text("Source"));
  add("target", mount.text("Target"));
  if (mount.flag("ReadOnly")) words.push("readonly");
  add("consistency", mount.text("Consistency") === "default" ? "" : mount.text("Consistency"));
  const bind = mount.object("BindOptions");
  add("bind-propagation", bind.text("Propagation"));
  if (bind.flag("NonRecursive")) words.push("bind-nonrecursive");
  bind.end();
  const volume = mount.object("VolumeOptions");
  if (volume.flag("NoCopy")) words.push("volume-nocopy");
  add("volume-subpath", volume.text("Subpath"));
  const driver = volume.object("DriverConfig");
  driver.accept("Name", "local");
  driver.end();
  volume.end();
  const tmpfs = mount.object("TmpfsOptions");
  const [size, mode] = [tmpfs.number("SizeBytes"), tmpfs.number("Mode")];
  if (size !== 0) add("tmpfs-size", String(size));
  if (mode !== 0) add("tmpfs-mode", mode.toString(8));
  tmpfs.end();
  mount.end();
  return words.join(",");
}

/** The port layer reads Docker's command line, in which these letters part words. */
function unambiguous(name: string, value: string, separator: string): string {
  if (value.includes(separator))
    throw refused(`HostConfig.${name}`, `"${separator}" in ${JSON.stringify(value)} is not supported`);
  return value;
}
