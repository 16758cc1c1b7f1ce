import path from "node:path";
import { parseArgs } from "node:util";
import { TetherError } from "../src/protocol/errors/index.ts";
import type { BootMediumOptions } from "./build-boot-medium.ts";

/** The text of `--help`. */
export const USAGE = `Usage: node iso-build/build.ts --agent FILE --stage0 FILE --out DIR [OPTION…]

Builds the boot medium of container VMs: vmlinuz, vmlinux, initramfs, agent.erofs, tether.iso and
manifest.json.

  --agent FILE         the agent's executable
  --stage0 FILE        stage 0's executable (static)
  --out DIR            where the outputs go
  --prefetch FILE      list of what to read ahead, put into the agent image as /prefetch
  --formatters         puts mke2fs and mkfs.xfs into the agent image
  --dhcp-event FILE    puts dhcpcd and this program, which it tells its events, into the agent image
  --kernel-rpm FILE    take the kernel from this RPM (Photon OS's linux-esx) instead of Debian's package
  --kernel-package PKG another of Debian's kernels: linux-image-amd64 has drivers for more devices (e1000e)
  --kernel-cache DIR   where Debian's kernel package is kept (default: build/kernel-cache)
  --no-iso             leave the ISO out
  --help               show this text
`;

/** A command line that was understood. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "build"; readonly options: BootMediumOptions };

const DEFAULT_KERNEL_CACHE = path.join(import.meta.dirname, "../build/kernel-cache");

/** Reads the command line. Errors: `usage`, with one line that says what is wrong with it. */
export function parseOptions(args: readonly string[]): Command {
  const values = parseValues(args);
  if (values.help === true) return { kind: "help" };
  if (values["kernel-rpm"] !== undefined && values["kernel-package"] !== undefined)
    throw new TetherError("usage", "--kernel-rpm and --kernel-package exclude each other; see --help");
  const options = {
    agent: required("--agent", values.agent),
    stage0: required("--stage0", values.stage0),
    out: required("--out", values.out),
    prefetch: values.prefetch,
    dhcpEvent: values["dhcp-event"],
    hasFormatters: values.formatters,
    kernelRpm: values["kernel-rpm"],
    kernelPackage: values["kernel-package"],
    kernelCache: values["kernel-cache"] ?? DEFAULT_KERNEL_CACHE,
    iso: values["no-iso"] !== true,
  };
  return { kind: "build", options };
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        agent: { type: "string" },
        stage0: { type: "string" },
        out: { type: "string" },
        prefetch: { type: "string" },
        "dhcp-event": { type: "string" },
        formatters: { type: "boolean" },
        "kernel-rpm": { type: "string" },
        "kernel-package": { type: "string" },
        "kernel-cache": { type: "string" },
        "no-iso": { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    // Node adds a second sentence about `--`, which helps nobody here.
    const [reason = ""] = (error as Error).message.split(/\. |\n/);
    throw new TetherError("usage", `${reason.replace(/\.$/, "")}; see --help`, { cause: error });
  }
}

function required(name: string, value: string | undefined): string {
  if (value === undefined || value === "") throw new TetherError("usage", `${name} is missing; see --help`);
  return value;
}
