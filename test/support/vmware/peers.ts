import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileC } from "./emulator.ts";

const PEERS = join(import.meta.dirname, "peers");

/** VMware's own command of Debian's open-vm-tools: `vmware-rpctool REQUEST`. */
export const RPCTOOL = "/usr/bin/vmware-rpctool";

/** VMware's C library, as Debian's open-vm-tools has it. */
export const LIBVMTOOLS = "/usr/lib/x86_64-linux-gnu/libvmtools.so.0";

/** Clients of guestinfo that others wrote, compiled once in a process. */
export interface Peers {
  /** `goClient get KEY [TIMES]`, `goClient set KEY VALUE`: Debian's golang-github-vmware-vmw-guestinfo-dev. */
  readonly goClient: string;
  /** `cClient KEY TIMES`: libvmtools. */
  readonly cClient: string;
}

let made: Peers | undefined;

export function makePeers(): Peers {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(tmpdir(), "tether-peers-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const goClient = join(folder, "go-client");
  const cClient = join(folder, "c-client");
  const environment = {
    ...process.env,
    GO111MODULE: "off",
    GOPATH: "/usr/share/gocode",
    GOCACHE: join(folder, "cache"),
  };
  execFileSync("go", ["build", "-o", goClient, join(PEERS, "guestinfo.go")], { env: environment });
  compileC(cClient, [join(PEERS, "guestinfo.c")], [LIBVMTOOLS]);
  made = { goClient, cClient };
  return made;
}
