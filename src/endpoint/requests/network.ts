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
export function readNetwork(
  config: FieldReader,
  host: FieldReader,
  imagePorts: readonly string[],
): NetworkSettings {
  const mode = host.text("NetworkMode");
  const isDisabled = config.flag("NetworkDisabled");
  const endpoint = readEndpoint(config.object("NetworkingConfig"), mode);
  const network = isDisabled ? "none" : networkOf(mode);
  // What an image or a client says to be listened on is a publication only when all of it is to be published.
  const exposed = new Set([...imagePorts, ...config.names("ExposedPorts")]);
  const bound = readPorts(host);
  const publishesAll = host.flag("PublishAllPorts") && network !== "none";
  const others = publishesAll ? [...exposed].filter((port) => !bound.has(port)) : [];
  const publish = [...bound.values()].flat().concat(others.map((port) => `0:${port}`));
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

/** `HostConfig.PortBindings` by the container's port, in the words of `-p`. */
function readPorts(host: FieldReader): Map<string, string[]> {
  const read = host.entries("PortBindings").map(([port, bindings]): [string, string[]] => {
    if (bindings !== null && !Array.isArray(bindings))
      throw refused(`HostConfig.PortBindings.${port}`, "is no list");
    const words = (bindings ?? []).map((each) => {
      const binding = new FieldReader(each, `HostConfig.PortBindings.${port}`);
      const [address, hostPort] = [binding.text("HostIp"), binding.text("HostPort")];
      binding.end();
      if (address.includes(":"))
        throw notBuilt(`HostConfig.PortBindings.${port}: the IPv6 address ${address}`);
      return `${address === "" ? "" : `${address}:`}${hostPort}:${port}`;
    });
    return [port, words];
  });
  return new Map(read);
}
