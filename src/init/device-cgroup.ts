import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { System } from "../system/system.ts";
import { CGROUP_ROOT, CONTAINER_CGROUP } from "./cgroups.ts";

/**
 * Keeps the container's processes from every other device, the machine's disks and the agent's ports above all.
 * Docker's list, less the console (5:1), which here is the machine's; no block device is among them. Nodes can still
 * be made of any, as in Docker. Stays for as long as the cgroup does.
 */
export function restrictDevices(system: System, root: string = CGROUP_ROOT): void {
  const cgroup = openSync(join(root, CONTAINER_CGROUP), "r");
  try {
    system.attachDeviceProgram(cgroup, PROGRAM);
  } finally {
    closeSync(cgroup);
  }
}

/**
 * The program as the kernel takes it: `struct bpf_insn` after `struct bpf_insn` (include/uapi/linux/bpf.h), in
 * hexadecimal digits. Assembling it took 20 ms of a start under emulation, all of it cold code.
 */
const PROGRAM = Buffer.from(
  [
    "6112000000000000 bf23000000000000", // r2 = access and type, r3 = the same
    "6114040000000000 6115080000000000", // r4 = major, r5 = minor
    "57020000ffff0000 7703000010000000", // r2 &= 0xffff (type), r3 >>= 16 (access)
    "5503020001000000 b700000001000000 9500000000000000", // mknod(2) and nothing else: allowed
    "1502020002000000 b700000000000000 9500000000000000", // no character device: refused
    "5504030001000000 5505020003000000 b700000001000000 9500000000000000", // 1:3 null
    "5504030001000000 5505020005000000 b700000001000000 9500000000000000", // 1:5 zero
    "5504030001000000 5505020007000000 b700000001000000 9500000000000000", // 1:7 full
    "5504030001000000 5505020008000000 b700000001000000 9500000000000000", // 1:8 random
    "5504030001000000 5505020009000000 b700000001000000 9500000000000000", // 1:9 urandom
    "5504030005000000 5505020000000000 b700000001000000 9500000000000000", // 5:0 tty
    "5504030005000000 5505020002000000 b700000001000000 9500000000000000", // 5:2 ptmx
    "550403000a000000 55050200c8000000 b700000001000000 9500000000000000", // 10:200 net/tun
    "5504020088000000 b700000001000000 9500000000000000", // 136:any pts
    "b700000000000000 9500000000000000", // every other: refused
  ]
    .join("")
    .replaceAll(" ", ""),
  "hex",
);
