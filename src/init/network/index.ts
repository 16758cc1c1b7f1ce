/** The container VM's vNICs: devices, links, addresses, routes, names and the firewall. Loaded when there are some. */
export { Network } from "./network.ts";
