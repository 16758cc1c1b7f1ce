/** A container's vNICs on the host: what the command line says of them, as settings, for the machine, for the guest. */
export { describeNetworks, describePorts, networkNames } from "./describe-interfaces.ts";
export {
  type ChosenPort,
  chosenPorts,
  chosenPortSchema,
  leavesPortsOpen,
  reachedInterfaces,
} from "./chosen-ports.ts";
export { encodeInterfaces, machineInterfaces } from "./encode-interfaces.ts";
export { interfaceSettingsSchema, NO_RESOLVER, resolverSettingsSchema } from "./interface-settings.ts";
export {
  type NetworkSettings,
  type NetworkWords,
  parseNetworkSettings,
  publishAll,
} from "./network-settings.ts";
