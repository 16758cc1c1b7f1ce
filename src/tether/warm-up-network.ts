import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Network } from "../init/network/index.ts";
import { attribute, encodeMessages, text } from "../init/network/netlink.ts";
import { parametersOf } from "../init/network/network-sysctls.ts";
import type { NetworkConfiguration } from "../init/network/configuration.ts";
import type { System } from "../system/system.ts";

const MAC = "02:00:00:00:00:01";

/** rtnetlink(7). */
const RTM_GETLINK = 18;

/** RTM_NEWLINK of the second link, IFLA_ADDRESS, IFLA_IFNAME, IFLA_CARRIER. */
const LINK = {
  ...{ type: 16, flags: 0 },
  payload: Buffer.concat([
    Buffer.from("00000100020000000000000000000000", "hex"),
    attribute(1, Buffer.from(MAC.replaceAll(":", ""), "hex")),
    text(3, "eth0"),
    attribute(33, Uint8Array.of(1)),
  ]),
};

/** Does for a usual vNIC what a start or a reload does, with files in place of the kernel's. */
export async function warmUpNetwork(
  system: System,
  folder: string,
  configuration: NetworkConfiguration,
): Promise<void> {
  const write = (path: string, content = ""): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  write("sys/devices/0000:00:02.0/net/eth0/operstate", "up\n");
  write("sys/devices/0000:00:02.0/net/eth0/device/modalias");
  mkdirSync(join(folder, "sys/class/net"), { recursive: true });
  // It has no driver at first, as one that was plugged.
  write("sys/bus/virtio/devices/virtio0/modalias", "virtio:d00000001v00001AF4\n");
  for (const set of ["firewall", "firewall-connections", "firewall-redirections"])
    write(`modules/sets/${set}`);
  write("modules/aliases", "virtio:d00000001v* nothing.ko\n");
  for (const vnic of configuration.interfaces)
    for (const [path] of parametersOf(vnic)) write(`sysctls/${path.replace("*", "eth0")}`);
  let links: Uint8Array = new Uint8Array();
  const network = new Network({
    system: {
      ...system,
      loadModule: () => {
        symlinkSync("../../devices/0000:00:02.0/net/eth0", join(folder, "sys/class/net/eth0"));
        links = encodeMessages([LINK]);
      },
      netlink: (_protocol, requests) =>
        Buffer.from(requests).readUInt16LE(4) === RTM_GETLINK ? links : new Uint8Array(),
    },
    reaper: { exitOf: () => new Promise(() => {}) },
    onNames: () => {},
    report: () => {},
    folders: {
      sysfs: join(folder, "sys"),
      sysctls: join(folder, "sysctls"),
      modules: join(folder, "modules"),
      state: join(folder, "state"),
    },
  });
  await network.apply(configuration);
  void network.names;
}

/** A vNIC as most are. */
export const USUAL_INTERFACE = {
  name: "eth0",
  mac: MAC,
  addresses: ["192.0.2.2/24", "2001:db8::2/64"],
  gateway4: "192.0.2.1",
  gateway6: "2001:db8::1",
  resolver: { nameservers: ["192.0.2.1"] },
  firewall: { ports: [{ port: 8080, targetPort: 80 }] },
};
