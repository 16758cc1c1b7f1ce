import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { VmHost } from "./vm-host.ts";

/**
 * A `qemu-system-x86_64` that comes before Debian's in a `vch`'s PATH, and changes what QEMU is called with: the
 * machine is then another one than any that `vch` makes by itself.
 *
 * @param change lines of bash; `args` are QEMU's arguments without fw_cfg's, `$config` is the document's file, and the
 *   working folder is the machine's.
 * @returns the environment for {@link VmHost.run}.
 */
export function qemuShim(host: VmHost, name: string, change: string): NodeJS.ProcessEnv {
  const folder = host.file(name);
  mkdirSync(folder);
  const script = join(folder, "qemu-system-x86_64");
  writeFileSync(script, BEGIN + change + END);
  chmodSync(script, 0o755);
  // It lies where only this user finds it.
  return { PATH: `${folder}:${process.env["PATH"]}`, VCH_QEMU_USER: "caller" };
}

const BEGIN = `#!/bin/bash
set -e
args=()
config=
while [ $# -gt 0 ]; do
  if [ "$1" = -fw_cfg ]; then config=\${2##*file=}; shift 2
  else args+=("$1"); shift; fi
done
addWord() {
  for index in "\${!args[@]}"; do
    if [ "\${args[index]}" = -append ]; then args[index+1]+=" $1"; fi
  done
}
`;

const END = `
exec /usr/bin/qemu-system-x86_64 "\${args[@]}"
`;
