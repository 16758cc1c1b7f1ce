import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GeneratedFiles } from "./container-namespace.ts";

/** An address and its names, as a line of hosts(5). */
export interface HostNames {
  readonly address: string;
  readonly names: readonly string[];
}

/** What the container's name files are made of. */
export interface Names {
  readonly hostname: string;
  /** Behind the host name; empty: none. */
  readonly domainname?: string;
  readonly extraHosts: readonly HostNames[];
  /** The container's addresses, with further names of its on that network; without any its name is the loopback's. */
  readonly own?: readonly HostNames[];
  /** resolv.conf(5). */
  readonly resolver?: Resolver;
  /** The image's own /etc/hosts, whose entries are kept behind the others; it is not trusted. */
  readonly imageHosts?: string | undefined;
}

/** What resolv.conf(5) says. */
export interface Resolver {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Docker's first lines of /etc/hosts. */
const HOSTS_HEAD: readonly HostNames[] = [
  { address: "127.0.0.1", names: ["localhost"] },
  { address: "::1", names: ["localhost", "ip6-localhost", "ip6-loopback"] },
  { address: "fe00::0", names: ["ip6-localnet"] },
  { address: "ff00::0", names: ["ip6-mcastprefix"] },
  { address: "ff02::1", names: ["ip6-allnodes"] },
  { address: "ff02::2", names: ["ip6-allrouters"] },
];

/** More is not what an image needs. */
const MOST_IMAGE_HOSTS = 1000;

/**
 * Writes the container's hostname, hosts and resolv.conf into `folder` (in memory: the container's disk
 * stays as the image has it). Files that are there keep their place, where the container has them mounted.
 */
export function writeNameFiles(folder: string, names: Names): GeneratedFiles {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const files = {
    hostname: join(folder, "hostname"),
    hosts: join(folder, "hosts"),
    resolvConf: join(folder, "resolv.conf"),
  };
  write(files.hostname, `${names.hostname}\n`);
  write(files.hosts, linesOf(makeHosts(names).map(hostLine)));
  write(files.resolvConf, linesOf(makeResolvConf(names.resolver)));
  return files;
}

/** What says the same stays as it is: whoever reads it at that moment would find half of it. */
function write(path: string, content: string): void {
  if (!existsSync(path) || readFileSync(path, "utf8") !== content) writeFileSync(path, content);
}

function linesOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function hostLine({ address, names }: HostNames): string {
  return `${address}\t${names.join(" ")}`;
}

function makeHosts(names: Names): HostNames[] {
  const made = [...HOSTS_HEAD, ...names.extraHosts, ...ownHosts(names)];
  return [...made, ...imageEntries(names.imageHosts, made)];
}

function ownHosts({ hostname, domainname = "", own = [] }: Names): HostNames[] {
  const short = hostname.split(".", 1)[0] ?? hostname;
  const full =
    domainname === "" || hostname.endsWith(`.${domainname}`) ? hostname : `${hostname}.${domainname}`;
  const spelled = [...new Set([full, hostname, short])];
  if (own.length === 0) return [{ address: "127.0.1.1", names: spelled }];
  return own.map(({ address, names }) => ({ address, names: [...new Set([...spelled, ...names])] }));
}

/** The entries that say something new; comments are not kept. */
function imageEntries(text: string | undefined, made: readonly HostNames[]): HostNames[] {
  if (text === undefined || text === "") return [];
  const known = new Set(made.flatMap(({ names }) => names));
  return text
    .split("\n", MOST_IMAGE_HOSTS)
    .map((line) => line.replace(/#.*$/, "").trim().split(/\s+/))
    .flatMap(([address = "", ...names]) => {
      const unknown = names.filter((name) => !known.has(name));
      return unknown.length === 0 ? [] : [{ address, names: unknown }];
    });
}

function makeResolvConf(resolver: Resolver | undefined): string[] {
  if (resolver === undefined) return [];
  const { nameservers, search, options } = resolver;
  return [
    ...(search.length === 0 ? [] : [`search ${search.join(" ")}`]),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length === 0 ? [] : [`options ${options.join(" ")}`]),
  ];
}
