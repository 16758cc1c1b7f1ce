/**
 * Virtual machines: one driver per hypervisor behind one interface. The port layer above knows containers; here
 * are only machines, their disks and their links.
 */
export type {
  AdoptedMachine,
  AccelerationRequest,
  Boot,
  Hardware,
  HypervisorDriver,
  Machine,
  MachineEnd,
  MachineSpecification,
  RunningMachine,
  StartOptions,
  TemplateRequest,
} from "./driver.ts";
export { MACHINE_FILE, type MachineFolder } from "./machine-folder.ts";
export {
  type ForwardedPort,
  type MachineForward,
  INTERFACE_MODELS,
  type InterfaceBackend,
  type InterfaceModel,
  type MachineInterface,
} from "./machine-interface.ts";
export type { MachineVolume, VolumeModel } from "./machine-volume.ts";
export { CONSOLE_LOG } from "./qemu/command-line.ts";
export { CALLERS_USER, type QemuUser } from "./qemu/qemu-user.ts";
export { whyNoKvm } from "./qemu/acceleration.ts";
export { VIRTIOFSD } from "./qemu/host-folder-server.ts";
export { findMachineProcesses } from "./qemu/find-processes.ts";
export { identifyProcess, isRunning, type ProcessIdentity } from "./qemu/process-identity.ts";
export { OwnUsers, whyNoOwnUsers } from "./qemu/own-user.ts";
export { QemuDriver } from "./qemu/qemu-driver.ts";
