/** What the guest reports to whoever looks at the VM from outside; loaded where there is somewhere to write it. */
export { ContainerStatus } from "./container-status.ts";
export { GuestinfoStatus } from "./guestinfo-status.ts";
export { machineAddresses } from "./machine-addresses.ts";
