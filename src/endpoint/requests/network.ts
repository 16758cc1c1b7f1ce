import { type NetworkSettings, parseNetworkSettings } from "../../portlayer/execution/index.ts";
import { notBuilt, refused } from "../http/api-error.ts";
import { FieldReader } from "./fields.ts";

/** Docker's network that a container has when nothing else is said; here it is the hypervisor's own. */
const DEFAULT_NETWORKS: ReadonlySet<string> = new Set(["", "default", "bridge", "user"]);

/**
 * What a container's network is: none, the hypervisor's own (Docker's `bridge`), or a TAP device.
 *
 * @throws ApiError 501 for a network of a user's, and for the host's; TetherError `invalid-option`.
 */
export function readNetwork(config: FieldReader, host: FieldReader): NetworkSettings {
  const mode = host.text("NetworkMode");
  const isDisabled = config.flag("NetworkDisabled");
  const endpoint = readEndpoint(config.object("NetworkingConfig"), mode);
  const publish = readPorts(host);
  // What an image or a client says to be listened on is no publication.
  config.names("ExposedPorts");
  const network = isDisabled ? "none" : networkOf(mode);
  return parseNetworkSettings({
    networks: network === "none" ? [] : [network],
    macAddress: config.text("MacAddress") || endpoint.macAddress || undefined,
    ip: endpoint.ip || undefined,
    ip6: endpoint.ip6 || undefined,
    aliases: endpoint.aliases,
    publish,
    dns: host.texts("Dns"),
    dnsSearch: host.texts("DnsSearch"),
    dnsOptions: host.texts("DnsOptions"),
    domainname: config.text("Domainname") || undefined,
  });
}

function networkOf(mode: string): string {
  if (DEFAULT_NETWORKS.has(mode)) return "user";
  if (mode === "none" || mode.startsWith("tap:")) return mode;
  if (mode === "host")
    throw notBuilt(
      "HostConfig.NetworkMode=host: a container VM cannot have the network of this machine, which",
    );
  throw notBuilt(`HostConfig.NetworkMode=${mode}: networks of a user's, which`);
}

interface Endpoint {
  readonly macAddress: string;
  readonly ip: string;
  readonly ip6: string;
  readonly aliases: readonly string[];
}

/** `NetworkingConfig.EndpointsConfig`: of the container's one network. */
function readEndpoint(networking: FieldReader, mode: string): Endpoint {
  const entries = networking.entries("EndpointsConfig");
  networking.end();
  const [first, another] = entries;
  if (another !== undefined) throw notBuilt("NetworkingConfig.EndpointsConfig: more than one network, which");
  if (first === undefined) return { macAddress: "", ip: "", ip6: "", aliases: [] };
  const [name, fields] = first;
  if (name !== mode && !(DEFAULT_NETWORKS.has(name) && DEFAULT_NETWORKS.has(mode)))
    throw refused("NetworkingConfig.EndpointsConfig", `${name} is not the container's network ${mode}`);
  const endpoint = new FieldReader(fields, `NetworkingConfig.EndpointsConfig.${name}`);
  const ipam = endpoint.object("IPAMConfig");
  const read = {
    macAddress: endpoint.text("MacAddress"),
    ip: ipam.text("IPv4Address"),
    ip6: ipam.text("IPv6Address"),
    aliases: endpoint.texts("Aliases"),
  };
  ipam.end();
  endpoint.end();
  return read;
}

/** `HostConfig.PortBindings`, in the words of `-p`. */
function readPorts(host: FieldReader): string[] {
  host.accept("PublishAllPorts");
  return host.entries("PortBindings").flatMap(([port, bindings]) => {
    if (bindings !== null && !Array.isArray(bindings))
      throw refused(`HostConfig.PortBindings.${port}`, "is no list");
    return (bindings ?? []).map((each) => {
      const binding = new FieldReader(each, `HostConfig.PortBindings.${port}`);
      const [address, hostPort] = [binding.text("HostIp"), binding.text("HostPort")];
      binding.end();
      if (address.includes(":"))
        throw notBuilt(`HostConfig.PortBindings.${port}: the IPv6 address ${address}`);
      return `${address === "" ? "" : `${address}:`}${hostPort}:${port}`;
    });
  });
}
