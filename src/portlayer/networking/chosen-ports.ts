import { z } from "zod";
import type { MachineForward } from "../../hypervisor/index.ts";
import { machineInterfaceId } from "./encode-interfaces.ts";
import type { InterfaceSettings, PortSettings } from "./interface-settings.ts";

/** A port of this machine that the hypervisor has chosen for a published one that asked for none. */
export const chosenPortSchema = z.object({
  /** Name of the vNIC. */
  vnic: z.string(),
  protocol: z.enum(["tcp", "udp"]),
  hostAddress: z.string(),
  port: z.number().int().min(1).max(65_535),
  targetPort: z.number().int().min(1).max(65_535),
});

export type ChosenPort = z.infer<typeof chosenPortSchema>;

/** Whether some port of this machine is to be chosen at the start. */
export function leavesPortsOpen(interfaces: readonly InterfaceSettings[]): boolean {
  return interfaces.some(({ ports }) => ports.some(({ port }) => port === 0));
}

/** What a running machine forwards, of what was left open. */
export function chosenPorts(
  interfaces: readonly InterfaceSettings[],
  forwards: readonly MachineForward[],
): ChosenPort[] {
  return interfaces.flatMap(({ name, ports }) => {
    const known = new Set(ports.map(({ port }) => port));
    return forwards
      .filter((each) => each.id === machineInterfaceId(name) && !known.has(each.hostPort))
      .map(({ protocol, hostAddress, hostPort, guestPort }) => ({
        ...{ vnic: name, protocol, hostAddress, port: hostPort, targetPort: guestPort },
      }));
  });
}

/** The vNICs with the ports at which they are reached now: what was left open is what was chosen, or not there. */
export function reachedInterfaces(
  interfaces: readonly InterfaceSettings[],
  chosen: readonly ChosenPort[] = [],
): InterfaceSettings[] {
  return interfaces.map((vnic) => {
    const left = chosen.filter((each) => each.vnic === vnic.name);
    return { ...vnic, ports: vnic.ports.flatMap((port) => (port.port === 0 ? take(left, port) : [port])) };
  });
}

/** The same port may be published twice. */
function take(left: ChosenPort[], asked: PortSettings): PortSettings[] {
  const index = left.findIndex(
    (each) =>
      each.targetPort === asked.targetPort &&
      each.protocol === asked.protocol &&
      each.hostAddress === asked.hostAddress,
  );
  const [found] = index < 0 ? [] : left.splice(index, 1);
  return found === undefined ? [] : [{ ...asked, port: found.port }];
}
