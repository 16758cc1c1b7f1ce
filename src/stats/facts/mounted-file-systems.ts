import type { FileSystemPlace } from "../reading/file-system-status.ts";
import type { FactsOf } from "./fact-fields.ts";
import { printable } from "./fact-files.ts";

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` (proc(5)). */
const LINE =
  /^\d+ \d+ \d+:\d+ \S+ (?<mountPoint>\S+) (?<options>\S+)(?: [^-]\S*)* - (?<type>\S+) (?<source>\S+) (?<superOptions>\S+)$/;

type Mounted = FactsOf<"fileSystems">;

/** What /proc/self/mountinfo says of these places. */
export function mountedFileSystems(mountinfo: string, places: readonly FileSystemPlace[]): Mounted[] {
  const mounted = new Map<string, Mounted>();
  for (const line of mountinfo.split("\n")) {
    const {
      mountPoint,
      options = "",
      type = "",
      source = "",
      superOptions = "",
    } = LINE.exec(line)?.groups ?? {};
    if (mountPoint === undefined) continue;
    const isReadOnly = [options, superOptions].some((list) => list.split(",").includes("ro"));
    // What was mounted over another one comes later.
    mounted.set(unescaped(mountPoint), {
      ...{ type: printable(type), source: printable(unescaped(source)), isReadOnly },
    });
  }
  return places.map(({ mountPoint, path }) => ({ ...mounted.get(path), mountPoint: printable(mountPoint) }));
}

/** Spaces, tabs, newlines and backslashes are written as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\(?<code>[0-7]{3})/g, (_whole, code: string) =>
    String.fromCodePoint(Number.parseInt(code, 8)),
  );
}
