import {
  CONFIGURATION_ITEM,
  LAYER_DISK_SERIAL,
  LINK_PORT_NAME,
  LOG_PORT_NAME,
} from "../../protocol/link-names.ts";
import type { Boot, MachineSpecification } from "../driver.ts";
import { AGENT_SLOT_DEVICES } from "./agent-slots.ts";
import { folderConnectionArguments, folderDeviceArguments } from "./host-folder-devices.ts";
import { interfaceArguments } from "./network-devices.ts";
import { PLUG_BRIDGE_DEVICES } from "./plug-bridge.ts";
import { templateInterfaces } from "./template-interfaces.ts";
import { templateVolumes } from "./template-volumes.ts";
import { volumeArguments, volumeDeviceIds } from "./volume-devices.ts";

/** The machine's files in its folder; relative, because a socket's path holds at most 107 bytes (unix(7)). */
export const LINK_SOCKET = "link.sock";
export const QMP_SOCKET = "qmp.sock";
export const CONSOLE_LOG = "console.log";
/** Where QEMU finds whoever started it; gone once it has. */
export const START_SOCKET = "start.sock";
/** QEMU's name of the link's character device. */
export const LINK_CHARACTERS = "link";
/** QEMU's name of the link's port, in its events. */
export const LINK_DEVICE = "link-port";
/** QEMU's own complaints. */
export const QEMU_LOG = "qemu.log";
export const UEFI_VARIABLES = "uefi-vars.fd";

/** Debian's OVMF: the firmware's code; its variables are a copy per machine. */
export const UEFI_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd";
export const UEFI_VARIABLES_TEMPLATE = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/**
 * Of a machine's virtio-serial ports: number 0, which only a console may have, the link's, the log's, and 28 for
 * further clients. Those that nobody uses cost the guest 0.3 MB in all, and no time that could be measured.
 */
const MOST_PORTS = 31;

/** A machine whose files may have other names for QEMU. */
export interface CommandMachine extends MachineSpecification {
  /** Where its console goes to; undefined: into QEMU's working directory. */
  readonly console?: string;
}

const BYTES_PER_MEBIBYTE = 1024 * 1024;

/** Where a machine's memory comes from. */
export type MachineMemory =
  /** QEMU's own: the machine boots. */
  | { readonly kind: "fresh" }
  /** A file that keeps it: the machine becomes a template. */
  | { readonly kind: "template"; readonly file: string }
  /** A template's file, mapped privately: what the machine writes is its own, the file stays as it is. */
  | { readonly kind: "forked"; readonly file: string }
  /** QEMU's own, which its starter fills from a template's (copied-memory.ts): other processes can share it. */
  | { readonly kind: "copied" };

/** A machine that goes on where a template has stopped. */
const isForked = ({ kind }: MachineMemory): boolean => kind === "forked" || kind === "copied";

/** The first of QEMU's descriptors that are the connections to servers of folders; behind a template's state. */
const FIRST_CONNECTION = { fresh: 3, copied: 4 } as const;

/**
 * QEMU's arguments for a machine. Nothing but what a container VM needs: no default devices, no display, no
 * configuration files of the user's, no further processes and no further privileges.
 */
export function qemuArguments(
  machine: CommandMachine,
  accelerator: "kvm" | "tcg",
  memory: MachineMemory = { kind: "fresh" },
): string[] {
  const hasBackend = memoryArguments(machine, memory).length > 0;
  return [
    ...["-name", `${escapeValue(machine.name)},process=${PROCESS_NAME}`],
    ...["-nodefaults", "-no-user-config", "-display", "none"],
    // Ends instead of resetting: a container VM never boots twice.
    "-no-reboot",
    ...["-accel", ACCELERATORS[accelerator]],
    ...(accelerator === "tcg" ? ONE_QUEUE : []),
    ...["-machine", machineType(machine) + (hasBackend ? ",memory-backend=memory" : "")],
    // `max` is the host under KVM; under TCG every emulated feature (AES and RDRAND among them).
    ...["-cpu", "max"],
    ...["-smp", String(machine.cpus)],
    ...["-m", `${mebibytes(machine)}M`],
    ...memoryArguments(machine, memory),
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    // QEMU calls its starter when everything is ready; later visitors come to the other socket.
    ...["-qmp", `unix:${START_SOCKET}`],
    ...["-qmp", `unix:${QMP_SOCKET},server=on,wait=off`],
    ...bootArguments(machine),
    ...["-fw_cfg", `name=${CONFIGURATION_ITEM},file=${escapeValue(machine.configuration)}`],
    ...[
      "-chardev",
      `file,id=console,path=${escapeValue(machine.console ?? CONSOLE_LOG)},append=on`,
      "-serial",
      "chardev:console",
    ],
    ...portArguments(machine),
    ...diskArguments(machine, memory),
    ...PLUG_BRIDGE_DEVICES[machine.hardware].flatMap((device) => ["-device", device]),
    // What is not there yet when a machine goes on from a template is plugged before it does.
    ...interfaceArguments(presentInterfaces(machine, memory), machine.hardware),
    ...volumeArguments(presentVolumes(machine, memory), machine.hardware, memory.kind === "template"),
    ...folderArguments(machine, memory),
    ...AGENT_SLOT_DEVICES[machine.hardware].flatMap((device) => ["-device", device]),
  ];
}

/**
 * One thread for all emulated processors. With a thread each, QEMU 7.2 may translate an instruction while another
 * processor replaces it, and keeps the old one: the kernel, which patches its own code (its static keys, as when the
 * first cgroup is limited), then meets a breakpoint that it has long removed, and tries again for ever (seen by gdb:
 * one processor raises exception 3 at the same place without end). One cold start in 50 hung so.
 */
const ACCELERATORS = { kvm: "kvm", tcg: "tcg,thread=single" } as const;

/**
 * A disk has a queue for each processor otherwise, which only processors that run at the same time have anything of: each
 * is memory and some milliseconds of a start.
 */
const ONE_QUEUE = ["-global", "virtio-blk-device.num-queues=1"] as const;

/** What `ps` shows; at most 15 bytes (prctl(2), PR_SET_NAME). */
const PROCESS_NAME = "container-vm";

/** i440FX with an IDE CD-ROM is what vSphere's default machine resembles; q35 starts as fast and has PCIe. */
function machineType({ hardware }: MachineSpecification): string {
  return hardware === "vmware" ? "pc,vmport=off" : "q35,vmport=off,smbus=off,usb=off";
}

function mebibytes({ memoryBytes }: MachineSpecification): number {
  return Math.floor(memoryBytes / BYTES_PER_MEBIBYTE);
}

/** A machine that goes on from a template has as many as that at first: its others are plugged before it does. */
function presentInterfaces({ interfaces }: MachineSpecification, memory: MachineMemory) {
  return isForked(memory) ? interfaces.slice(0, templateInterfaces(interfaces).length) : interfaces;
}

function presentVolumes({ volumes }: MachineSpecification, memory: MachineMemory) {
  return isForked(memory) ? volumes.slice(0, templateVolumes(volumes).length) : volumes;
}

/** What shares a machine's memory is connected from its start on; a machine that goes on has the devices plugged. */
function folderArguments(
  { folders, hardware, volumes }: MachineSpecification,
  { kind }: MachineMemory,
): string[] {
  if (kind !== "fresh" && kind !== "copied") return [];
  const connections = folderConnectionArguments(folders, FIRST_CONNECTION[kind]);
  if (kind === "copied") return connections;
  return [...connections, ...folderDeviceArguments(folders, hardware, volumeDeviceIds(volumes, hardware))];
}

function memoryArguments(machine: MachineSpecification, memory: MachineMemory): string[] {
  const backing = backMemory(machine.folders, memory);
  if (backing === undefined) return [];
  const [type, ...options] = backing;
  return [
    ...["-object", [type, `id=memory,size=${mebibytes(machine)}M`, ...options].join(",")],
    // It waits for the state of the devices, which comes over the machine protocol.
    ...(isForked(memory) ? ["-incoming", "defer"] : []),
  ];
}

/** @returns undefined where QEMU makes it by itself. */
function backMemory(folders: readonly unknown[], memory: MachineMemory): readonly string[] | undefined {
  switch (memory.kind) {
    case "fresh":
      return folders.length === 0 ? undefined : SHARED_MEMORY;
    case "copied":
      return SHARED_MEMORY;
    default: {
      const share = memory.kind === "template" ? "on" : "off";
      return ["memory-backend-file", `share=${share}`, `mem-path=${escapeValue(memory.file)}`];
    }
  }
}

/** No seal: what is copied into it takes the place of all of it. */
const SHARED_MEMORY = ["memory-backend-memfd", "share=on", "seal=off"] as const;

function bootArguments({ boot, kernelCommandLine }: MachineSpecification): string[] {
  if (boot.from === "kernel") {
    return [
      ...["-kernel", boot.kernel, "-initrd", boot.initramfs, "-append", kernelCommandLine],
      ...["-drive", `if=none,id=agent,format=raw,read-only=on,file=${escapeValue(boot.agentImage)}`],
      ...["-device", "virtio-blk-pci,drive=agent"],
    ];
  }
  return [
    ...firmwareArguments(boot),
    "-drive",
    `if=ide,media=cdrom,read-only=on,file=${escapeValue(boot.iso)}`,
    "-boot",
    "d",
  ];
}

function firmwareArguments({ firmware }: Extract<Boot, { from: "iso" }>): string[] {
  if (firmware === "bios") return [];
  return [
    ...["-drive", `if=pflash,format=raw,unit=0,read-only=on,file=${UEFI_CODE}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${UEFI_VARIABLES}`],
  ];
}

/** Two virtio-serial ports: the link, and the log whose host side is a file. */
function portArguments({ log }: MachineSpecification): string[] {
  return [
    ...["-device", `virtio-serial-pci,max_ports=${MOST_PORTS}`],
    ...["-chardev", `socket,id=${LINK_CHARACTERS},path=${LINK_SOCKET},server=on,wait=off`],
    ...["-device", `virtserialport,id=${LINK_DEVICE},chardev=${LINK_CHARACTERS},name=${LINK_PORT_NAME}`],
    ...["-chardev", `file,id=log,path=${escapeValue(log)},append=on`],
    ...["-device", `virtserialport,chardev=log,name=${LOG_PORT_NAME}`],
  ];
}

/** Opened once: QEMU would open it to read, and again when the guest writes. */
const CONTAINER_DRIVE = [
  "if=none",
  "id=container",
  "format=qcow2",
  "discard=unmap",
  "auto-read-only=off",
] as const;

function diskArguments(
  { disk, diskLayers, hardware }: MachineSpecification,
  memory: MachineMemory,
): string[] {
  const drive =
    memory.kind === "template"
      ? "if=none,id=container,driver=null-co,read-zeroes=on"
      : [...CONTAINER_DRIVE, `file=${escapeValue(disk)}`, ...layerOptions(diskLayers)].join(",");
  const device =
    hardware === "vmware"
      ? ["pvscsi,id=scsi", `scsi-hd,bus=scsi.0,drive=container,serial=${LAYER_DISK_SERIAL}`]
      : [`virtio-blk-pci,drive=container,serial=${LAYER_DISK_SERIAL}`];
  return ["-drive", drive, ...device.flatMap((each) => ["-device", each])];
}

/**
 * What the disk stands on, whatever its file says: a QEMU that its guest has taken over may write anything into that.
 */
function layerOptions(layers: MachineSpecification["diskLayers"]): string[] {
  return layers.flatMap(({ file, format }, index) => {
    const layer = "backing.".repeat(index + 1);
    return [
      `${layer}driver=${format}`,
      `${layer}file.driver=file`,
      `${layer}file.filename=${escapeValue(file)}`,
    ];
  });
}

/** QEMU doubles a comma inside an option's value (qemu(1), -drive). */
function escapeValue(value: string): string {
  return value.replaceAll(",", ",,");
}
