import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { VolumeConfiguration } from "../init/index.ts";
import { Volumes } from "../init/volumes/index.ts";
import type { System } from "../system/system.ts";

const SERIAL = "warm-up";

/** Does for a usual volume what a start and a reload do, with files in place of the kernel's. */
export async function warmUpVolumes(
  system: System,
  folder: string,
  configuration: readonly VolumeConfiguration[],
): Promise<void> {
  const write = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  write("dev/vdb", extSuperblock());
  write("block/vdb/serial", SERIAL);
  write("block/vdb/ro", "0");
  write("modules/aliases", "virtio:* nothing.ko\n");
  for (const name of ["layer", "root"]) mkdirSync(join(folder, name), { recursive: true });
  const root = openSync(join(folder, "root"), "r");
  const volumes = new Volumes({
    system: {
      ...system,
      openInRoot: (directory, path) =>
        openSync(`/proc/self/fd/${directory}/${Buffer.from(path as string).toString()}`, "r"),
    },
    copyFolder: () => Promise.resolve(),
    exitOf: () => new Promise(() => {}),
    resolve: (host) => Promise.resolve(host),
    folders: {
      sysfs: join(folder, "sys"),
      modules: join(folder, "modules"),
      devices: { devices: join(folder, "dev"), blockClass: join(folder, "block") },
      state: join(folder, "state"),
      layer: join(folder, "layer"),
      names: join(folder, "names"),
    },
  });
  const target = { namespace: root, root };
  // At a start, and in a reload.
  await volumes.mountAhead(configuration, "/dev/null");
  await volumes.apply(configuration, target);
  volumes.attach(target);
  await volumes.release();
}

/** With nothing but what makes it one (kernel: Documentation/filesystems/ext4). */
function extSuperblock(): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt16LE(0xef53, 1024 + 0x38);
  return bytes;
}

/** A volume as most are. */
export const USUAL_VOLUME = {
  name: "volume",
  target: Buffer.from("/volume/data"),
  populate: true,
  block: { serial: SERIAL, fileSystem: "ext4" },
};
