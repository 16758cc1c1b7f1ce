import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { MachineSpecification } from "../driver.ts";
import { qemuArguments } from "./command-line.ts";
import { findProgram } from "./find-program.ts";
import { templateInterfaces } from "./template-interfaces.ts";
import { templateVolumes } from "./template-volumes.ts";

/** What a template is made for. */
export interface Shape {
  /** The machine, with nothing of a container. */
  readonly machine: MachineSpecification;
  readonly accelerator: "kvm" | "tcg";
  /** 32 hexadecimal digits: the same for machines that can be forked from one template. */
  readonly key: string;
}

/** What of the host belongs to a shape. */
interface HostFacts {
  /** Changes with each boot of the host. */
  readonly bootId: string;
}

/**
 * Tells which template a machine can be forked from: QEMU, kernel, agent, devices, memory and processors must be
 * the same.
 *
 * @param program QEMU's name or path.
 * @param configuration the document that makes a guest a template.
 * @throws TetherError `tool-missing` when there is no such program.
 */
export function describeShape(
  program: string,
  specification: MachineSpecification,
  accelerator: "kvm" | "tcg",
  configuration: Uint8Array,
  host: HostFacts = readHostFacts(),
): Shape {
  const machine = {
    ...specification,
    name: "template",
    disk: "",
    interfaces: templateInterfaces(specification.interfaces),
    volumes: templateVolumes(specification.volumes),
    folders: [],
    templates: undefined,
  };
  const { boot } = machine;
  const files = boot.from === "kernel" ? [boot.kernel, boot.initramfs, boot.agentImage] : [boot.iso];
  const facts = [
    qemuArguments({ ...machine, folder: "", configuration: "", log: "" }, accelerator, {
      kind: "template",
      file: "",
    }),
    [findProgram(program), ...files].map(describeFile),
    // Under KVM the guest sees the processor.
    accelerator === "kvm"
      ? readFileSync("/proc/cpuinfo", "utf8").match(/^(model name|flags)\s*:.*$/gm)
      : null,
    createHash("sha256").update(configuration).digest("hex"),
    // A template's memory is not forced to the disk: after a crash of the host parts of it may be missing.
    host.bootId,
  ];
  const key = createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 32);
  return { machine, accelerator, key };
}

function readHostFacts(): HostFacts {
  return { bootId: readFileSync("/proc/sys/kernel/random/boot_id", "latin1") };
}

/** A file that was replaced has another time or number. */
function describeFile(path: string): unknown {
  const { size, mtimeMs, ino } = statSync(path);
  return [path, size, mtimeMs, ino];
}
