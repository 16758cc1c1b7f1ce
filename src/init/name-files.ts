import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GeneratedFiles } from "./container-namespace.ts";

/** What the container's name files are made of. */
export interface Names {
  readonly hostname: string;
  readonly extraHosts: ReadonlyArray<{ readonly address: string; readonly names: readonly string[] }>;
}

/** Docker's first lines of /etc/hosts. */
const HOSTS_HEAD = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "ff00::0\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
] as const;

/**
 * Writes the container's hostname, hosts and resolv.conf into `folder` (in memory: the container's disk
 * stays as the image has it). Without a vNIC the container's own name is the loopback's.
 */
export function writeNameFiles(folder: string, names: Names): GeneratedFiles {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const files = {
    hostname: join(folder, "hostname"),
    hosts: join(folder, "hosts"),
    resolvConf: join(folder, "resolv.conf"),
  };
  writeFileSync(files.hostname, `${names.hostname}\n`);
  writeFileSync(files.hosts, `${makeHosts(names).join("\n")}\n`);
  writeFileSync(files.resolvConf, "");
  return files;
}

function makeHosts({ hostname, extraHosts }: Names): string[] {
  const short = hostname.split(".", 1)[0] ?? hostname;
  const own = short === hostname ? hostname : `${hostname} ${short}`;
  return [
    ...HOSTS_HEAD,
    ...extraHosts.map(({ address, names }) => `${address}\t${names.join(" ")}`),
    `127.0.1.1\t${own}`,
  ];
}
