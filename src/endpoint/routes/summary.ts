import {
  type ContainerSize,
  describeStatus,
  isUp,
  type KnownContainer,
  listedMounts,
  networkNames,
} from "../../portlayer/execution/index.ts";
import { describeNetworks, reachedInterfaces } from "../../portlayer/networking/index.ts";

/** One container of `GET /containers/json`; with its size where that was asked for. */
export function summarise({ record, state }: KnownContainer, size?: ContainerSize): object {
  const { interfaces = [], labels = {} } = record.settings ?? {};
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: record.image,
    ImageID: record.imageDigest,
    Command: record.command.map(quoted).join(" "),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: isUp(state) ? describePorts(reachedInterfaces(interfaces, record.machine?.ports)) : [],
    ...(size === undefined ? {} : describeSize(size)),
    Labels: labels,
    State: state.status,
    Status: describeStatus({ record, state }),
    HostConfig: { NetworkMode: networkNames(interfaces)[0] ?? "none" },
    NetworkSettings: { Networks: describeNetworks(interfaces).Networks },
    Mounts: listedMounts(record.settings).map((mount) => ({
      Type: mount.kind,
      ...(mount.kind === "volume" ? { Name: mount.name, Driver: "local" } : {}),
      Source: mount.kind === "bind" ? mount.source : "",
      Destination: mount.target,
      Mode: mount.kind === "bind" ? mount.mode : "",
      RW: !mount.isReadOnly,
      Propagation: mount.kind === "tmpfs" ? "" : mount.propagation,
    })),
  };
}

/** As dockerd has it: an argument with a space is in quotes, whatever else is in it; the program never is. */
function quoted(word: string, index: number): string {
  return index > 0 && word.includes(" ") ? `'${word}'` : word;
}

/** Docker's names of sizes. Go leaves out what is 0. */
export function describeSize({ writtenBytes, totalBytes }: ContainerSize): object {
  return { ...(writtenBytes === 0 ? {} : { SizeRw: writtenBytes }), SizeRootFs: totalBytes };
}

/** Docker's Port: of each published port, where it is reached. */
function describePorts(interfaces: Parameters<typeof describeNetworks>[0]): object[] {
  return Object.entries(describeNetworks(interfaces).Ports).flatMap(([own, bindings]) => {
    const [port, Type] = own.split("/");
    return (bindings as readonly { HostIp: string; HostPort: string }[]).map(({ HostIp, HostPort }) => ({
      ...(HostIp === "" ? {} : { IP: HostIp }),
      PrivatePort: Number(port),
      PublicPort: Number(HostPort),
      Type,
    }));
  });
}
