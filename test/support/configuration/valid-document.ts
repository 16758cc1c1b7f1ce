import { tether } from "../../../src/protocol/generated/config.js";
import { makeLinkKeys } from "../../../src/portlayer/interaction/index.ts";

export type Document = tether.config.Config.$Properties;

const keys = makeLinkKeys();

/** The least that is in order. */
export const leastDocument: Document = {
  version: 1,
  id: "0123456789abcdef".repeat(4),
  hostname: "box",
  session: { args: [Buffer.from("/bin/true")] },
  link: { hostKey: keys.hostPrivateKey, clientPublicKey: keys.clientPublicKey },
};

const { Method, Policy } = tether.config.Dynamic;
const { Trust } = tether.config.Firewall;
const { Protocol } = tether.config.PublishedPort;
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** One with every field of proto/config.proto that a container can have, in order. */
export function fullDocument(): Document {
  return {
    ...leastDocument,
    name: "web.1",
    hostname: "web_1.example",
    domainname: "example",
    session: {
      ...{ args: [bytes("/bin/sh"), bytes("-c"), Uint8Array.of(0xff, 0x0a)], env: [bytes("A=b")] },
      ...{ workingDirectory: bytes("/work"), user: "app:video", tty: true, openStdin: true, stdinOnce: true },
      ...{ window: { columns: 80, rows: 24 }, stopSignal: "SIGINT", startAfterAttach: true },
      ...{ stopTimeoutMs: 1500, holdOutput: true },
    },
    link: { ...leastDocument.link, acknowledgeTimeoutMs: 1000 },
    extraHosts: [{ address: "2001:db8::1", names: ["db", "db_2.example"] }],
    ...{ nanoCpus: 1_500_000_000, hostTimeMs: 1_790_000_000_000, randomSeed: Buffer.alloc(64, 7) },
    security: {
      ...{ privileged: true, capAdd: ["CAP_NET_ADMIN"], capDrop: ["ALL"], noNewPrivileges: true },
      ...{ seccompUnconfined: true, ulimits: [{ name: "nofile", soft: 1024, hard: -1 }], oomScoreAdj: -5 },
      ...{ groups: ["audio", "7"], seccompProgram: Buffer.alloc(16, 1) },
    },
    restart: { kind: tether.config.RestartPolicy.Kind.ON_FAILURE, maximumRetryCount: 3 },
    health: {
      ...{ args: [bytes("/check")], intervalMs: 1000, timeoutMs: 2000, startPeriodMs: 3000 },
      ...{ startIntervalMs: 4000, retries: 5 },
    },
    log: { maxBytes: 1_000_000, disabled: true, writtenBytes: 77 },
    statistics: { guestinfoPeriodMs: 5000, guestinfoDisabled: true },
    sysctls: { "net.core.somaxconn": "1024", "net/ipv4/conf/eth0.1/forwarding": "1" },
    ...{ readOnlyRoot: true, serveFilesOnly: true, pidsLimit: 100, shmBytes: 2 ** 30, generation: 4 },
    interfaces: [staticInterface(), dynamicInterface()],
    resolver: { nameservers: ["192.0.2.53", "fe80::53%eth0"], search: ["example."], options: ["ndots:2"] },
    volumes: [blockVolume(), nfsVolume(), ...otherVolumes()],
  };
}

function staticInterface(): tether.config.NetworkInterface.$Properties {
  return {
    ...{ name: "eth0", mac: "52:54:00:12:34:56", mtu: 1400, disabled: true },
    ...{ addresses: ["192.0.2.7/24", "2001:db8::7/64"], gateway4: "192.0.2.1", gateway6: "fe80::1" },
    routes: [
      { destination: "198.51.100.0/24" },
      { destination: "203.0.113.0/24", gateway: "198.51.100.1", metric: 5 },
    ],
    ...{ metric: 10, network: "front", aliases: ["web"] },
    resolver: { nameservers: ["192.0.2.1"] },
    firewall: {
      ...{ trust: Trust.PEERS, pools: ["192.0.2.0/24"] },
      ports: [
        { protocol: Protocol.TCP, port: 80, targetPort: 8080 },
        { protocol: Protocol.UDP, port: 80, count: 10 },
        { protocol: Protocol.SCTP, port: 65_535 },
      ],
    },
  };
}

function dynamicInterface(): tether.config.NetworkInterface.$Properties {
  return {
    ...{ name: "eth1", pciSlot: "0000:02:03.0" },
    ipv4: {
      ...{ method: Method.DHCP, policy: Policy.OPTIONAL, timeoutMs: 5000 },
      ...{ hostname: "web", ignoreDns: true, ignoreRoutes: true },
    },
    ipv6: { method: Method.SLAAC },
  };
}

function blockVolume(): tether.config.Volume.$Properties {
  return {
    ...{ name: "data", target: bytes("/data"), subPath: bytes("a/b"), populate: true, timeoutMs: 1000 },
    ...{ propagation: tether.config.Volume.Propagation.RSLAVE, options: ["nosuid", "noatime"] },
    block: {
      ...{ label: "data", uuid: "01234567-89ab-cdef-0123-456789abcdef", serial: "serial-1" },
      ...{ scsiAddress: "2:0:1:0", fileSystem: "ext4", format: true },
    },
  };
}

function nfsVolume(): tether.config.Volume.$Properties {
  const nfs = { host: "nfs.example", path: "/export", options: ["vers=4.1", "port=2049"] };
  return { name: "share", target: bytes("/data/share"), readOnly: true, nfs };
}

function otherVolumes(): tether.config.Volume.$Properties[] {
  const { VIRTIOFS } = tether.config.HostFolder.Transport;
  return [
    { name: "t", target: bytes("/tmp"), tmpfs: { sizeBytes: 1 << 20, mode: 0o1777, uid: 1, gid: 2 } },
    { name: "h", target: bytes("/srv"), hostFolder: { transport: VIRTIOFS, tag: "srv" } },
    {
      name: "f",
      target: bytes("/etc/app.conf"),
      file: { content: bytes("x=1\n"), mode: 0o400, uid: 3, gid: 4 },
    },
  ];
}
