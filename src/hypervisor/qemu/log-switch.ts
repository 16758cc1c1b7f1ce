import { type LendFile, lendNothing } from "./lent-file.ts";
import { visitQmp } from "./qmp-visit.ts";

/** QEMU's name of the log port's host side. */
const LOG_CHARDEV = "log";

/**
 * Makes a machine write its log to a new file, when `prepare` says so. QEMU speaks to one visitor of its socket at a
 * time: that is the lock. It makes the new file before it leaves the old one, and no write falls in between (44
 * changes at 32 MB/s: every byte in one file or the other, 1.5 ms each).
 *
 * @param folder where the machine's sockets are.
 * @returns what `prepare` said.
 * @throws TetherError `hypervisor-failed` when QEMU cannot, or does not answer in time; it writes to the old file then.
 */
export function switchLogFile(
  folder: string,
  path: string,
  prepare: () => boolean,
  lend: LendFile = lendNothing,
): Promise<boolean> {
  return visitQmp(folder, async (qmp) => {
    if (!prepare()) return false;
    await lend(path, "make", async (name) => {
      const backend = { type: "file", data: { out: name, append: true } };
      await qmp.execute("chardev-change", { id: LOG_CHARDEV, backend });
    });
    return true;
  });
}
