import assert from "node:assert/strict";
import { describeProblems } from "../../../../src/protocol/configuration/problems.ts";
import { problemsOf } from "../../../../src/protocol/configuration/problems-of.ts";
import { tether } from "../../../../src/protocol/generated/config.js";
import { type Document, fullDocument, leastDocument } from "../../../support/configuration/valid-document.ts";

type Interface = tether.config.NetworkInterface.$Properties;
type Volume = tether.config.Volume.$Properties;
const { Config } = tether.config;
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** As a guest has it: encoded and decoded. */
const find = async (document: Document): Promise<string[]> => {
  const found = await problemsOf(Config.decode(Config.encode(document).finish()));
  return found.map(({ path, reason }) => `${path} ${reason}`);
};

/** A number of an enumeration that only a newer host knows. */
const unknown = (field: string): object => ({ [field]: 9 });
const { Method } = tether.config.Dynamic;
const { Protocol } = tether.config.PublishedPort;

const eth = (changes: Interface = {}): Interface => ({
  ...{ name: "eth0", mac: "52:54:00:00:00:01", addresses: ["192.0.2.7/24"] },
  ...changes,
});
const vol = (changes: Volume = {}): Volume => {
  const source =
    changes.nfs || changes.tmpfs || changes.file || changes.hostFolder ? {} : { block: { serial: "s" } };
  return { name: "v", target: bytes("/data"), ...source, ...changes };
};

describe("a document", () => {
  it("that is in order has no problems, the least one and one with every field", async () => {
    assert.deepEqual(await find(leastDocument), []);
    assert.deepEqual(await find(fullDocument()), []);
  });

  it("tells everything that is wrong with it at once", async () => {
    const found = await find({ ...leastDocument, id: "", hostname: "", session: null, link: null });
    assert.deepEqual(
      found.map((each) => each.split(" ", 1)[0]),
      ["id", "hostname", "session.args", "link.host_key", "link.client_public_key"],
    );
  });

  it("of another version is looked at no further", async () => {
    assert.deepEqual(await find({ version: 2, id: "?" }), ["version is 2; this version understands 1"]);
  });

  it("of a template says nothing else", async () => {
    assert.deepEqual(await find({ version: 1, template: true }), []);
    assert.deepEqual(
      await find({ version: 1, template: true, id: "a".repeat(64), extraHosts: [{}], sysctls: {} }),
      [
        "extra_hosts is set, but this is the document of a template",
        "id is set, but this is the document of a template",
      ],
    );
  });

  it("does not make the message of its errors long", async () => {
    const found = await problemsOf({
      ...leastDocument,
      hostname: "x".repeat(1_000_000),
      sysctls: { ["y".repeat(1_000_000)]: "1" },
      interfaces: Array.from({ length: 100_000 }, () => ({})),
      extraHosts: [{ address: "z".repeat(1_000_000), names: [] }],
    });
    assert.ok(describeProblems(found).length < 1000);
    assert.match(describeProblems(found), /; and \d+ more$/);
    assert.ok(found.length < 300, String(found.length));
  });
});

const wrongInterfaces: ReadonlyArray<readonly [string, readonly Interface[], string]> = [
  ["no name", [eth({ name: "" })], "interfaces[0].name"],
  ["a name of 16 bytes", [eth({ name: "a".repeat(16) })], "interfaces[0].name"],
  ["a name with a slash", [eth({ name: "a/b" })], "interfaces[0].name"],
  ["a name with a space", [eth({ name: "a b" })], "interfaces[0].name"],
  ["a name that is a pattern", [eth({ name: "eth%d" })], "interfaces[0].name"],
  ["the loopback's name", [eth({ name: "lo" })], "interfaces[0].name"],
  ["a name twice", [eth(), eth({ mac: "52:54:00:00:00:02", addresses: [] })], "interfaces[1].name"],
  ["no device", [eth({ mac: "" })], "interfaces[0].mac"],
  ["two devices", [eth({ pciSlot: "0000:00:01.0" })], "interfaces[0].pci_slot"],
  ["a MAC address of a group", [eth({ mac: "01:00:5e:00:00:01" })], "interfaces[0].mac"],
  ["a device twice", [eth(), { name: "eth1", mac: "52:54:00:00:00:01" }], "interfaces[1].mac"],
  ["a slot that PCI has not", [{ name: "a", pciSlot: "0000:00:20.0" }], "interfaces[0].pci_slot"],
  ["an MTU of 67", [eth({ mtu: 67 })], "interfaces[0].mtu"],
  ["an MTU of 65536", [eth({ mtu: 65_536 })], "interfaces[0].mtu"],
  ["an MTU too small for IPv6", [eth({ mtu: 1279, addresses: ["2001:db8::1/64"] })], "interfaces[0].mtu"],
  ["an address without prefix length", [eth({ addresses: ["192.0.2.7"] })], "interfaces[0].addresses[0]"],
  ["a prefix of 33", [eth({ addresses: ["192.0.2.7/33"] })], "interfaces[0].addresses[0]"],
  ["a multicast address", [eth({ addresses: ["ff02::1/64"] })], "interfaces[0].addresses[0]"],
  ["an address with a zone", [eth({ addresses: ["fe80::1%eth0/64"] })], "interfaces[0].addresses[0]"],
  [
    "one address written in two ways",
    [eth({ addresses: ["2001:db8::1/64", "2001:0db8:0::0001/64"] })],
    "interfaces[0].addresses[1]",
  ],
  [
    "one address on two vNICs",
    [eth(), { name: "b", pciSlot: "0000:00:01.0", addresses: ["192.0.2.7/16"] }],
    "interfaces[1].addresses[0]",
  ],
  ["a gateway of the other family", [eth({ gateway4: "fe80::1" })], "interfaces[0].gateway4"],
  ["a gateway out of reach", [eth({ gateway4: "198.51.100.1" })], "interfaces[0].gateway4"],
  ["a gateway that is itself", [eth({ gateway4: "192.0.2.7" })], "interfaces[0].gateway4"],
  ["an IPv6 gateway out of reach", [eth({ gateway6: "2001:db8::1" })], "interfaces[0].gateway6"],
  ["SLAAC for IPv4", [eth({ ipv4: { method: Method.SLAAC } })], "interfaces[0].ipv4.method"],
  ["a method that nobody knows", [eth({ ipv6: unknown("method") })], "interfaces[0].ipv6.method"],
  ["a policy that nobody knows", [eth({ ipv6: unknown("policy") })], "interfaces[0].ipv6.policy"],
  [
    "an endless wait",
    [eth({ ipv4: { method: Method.DHCP, timeoutMs: 3_600_001 } })],
    "interfaces[0].ipv4.timeout_ms",
  ],
  [
    "a wrong DHCP name",
    [eth({ ipv4: { method: Method.DHCP, hostname: "a b" } })],
    "interfaces[0].ipv4.hostname",
  ],
  [
    "a destination that is a host",
    [eth({ routes: [{ destination: "198.51.100.7/24" }] })],
    "interfaces[0].routes[0].destination",
  ],
  [
    "a route by a gateway out of reach",
    [eth({ routes: [{ destination: "10.0.0.0/8", gateway: "10.0.0.1" }] })],
    "interfaces[0].routes[0].gateway",
  ],
  [
    "two default routes",
    [eth({ gateway4: "192.0.2.1", routes: [{ destination: "0.0.0.0/0", gateway: "192.0.2.2" }] })],
    "interfaces[0].routes[0].destination",
  ],
  ["an alias that is no name", [eth({ aliases: ["-a"] })], "interfaces[0].aliases[0]"],
  ["a network with a line break", [eth({ network: "a\nb" })], "interfaces[0].network"],
  [
    "a name server by name",
    [eth({ resolver: { nameservers: ["dns"] } })],
    "interfaces[0].resolver.nameservers[0]",
  ],
  [
    "a pool that is a host",
    [eth({ firewall: { pools: ["192.0.2.7/24"] } })],
    "interfaces[0].firewall.pools[0]",
  ],
  ["a level that nobody knows", [eth({ firewall: unknown("trust") })], "interfaces[0].firewall.trust"],
  ["port 0", [eth({ firewall: { ports: [{}] } })], "interfaces[0].firewall.ports[0].port"],
  ["port 65536", [eth({ firewall: { ports: [{ port: 65_536 }] } })], "interfaces[0].firewall.ports[0].port"],
  [
    "a range over the last port",
    [eth({ firewall: { ports: [{ port: 80, targetPort: 65_535, count: 2 }] } })],
    "interfaces[0].firewall.ports[0].count",
  ],
  [
    "ports that overlap",
    [
      eth({
        firewall: { ports: [{ port: 80, count: 10 }, { protocol: Protocol.UDP, port: 80 }, { port: 89 }] },
      }),
    ],
    "interfaces[0].firewall.ports[2].port",
  ],
];

describe("the vNICs of a document", () => {
  for (const [what, interfaces, path] of wrongInterfaces) {
    it(`are refused for ${what}`, async () => {
      const found = await find({ ...leastDocument, interfaces: [...interfaces] });
      assert.deepEqual(
        found.map((each) => each.split(" ", 1)[0]),
        [path],
        found.join("\n"),
      );
    });
  }

  it("may have gateways by an on-link route, by DHCP, and link-local ones", async () => {
    const interfaces = [
      eth({
        addresses: ["192.0.2.7/32"],
        gateway4: "198.51.100.1",
        routes: [{ destination: "198.51.100.1/32" }],
      }),
      {
        name: "b",
        pciSlot: "0000:00:01.0",
        ipv4: { method: Method.DHCP },
        gateway4: "10.9.8.7",
        gateway6: "fe80::1",
      },
    ];
    assert.deepEqual(await find({ ...leastDocument, interfaces }), []);
  });

  it("are 32 at most", async () => {
    const interfaces = Array.from({ length: 33 }, (_, index) =>
      eth({ name: `e${index}`, mac: `52:54:00:00:01:${(index + 16).toString(16)}`, addresses: [] }),
    );
    assert.deepEqual(await find({ ...leastDocument, interfaces }), [
      "interfaces has 33 elements; the most are 32",
    ]);
    assert.deepEqual(await find({ ...leastDocument, interfaces: interfaces.slice(1) }), []);
  });
});

const wrongVolumes: ReadonlyArray<readonly [string, readonly Volume[], string]> = [
  ["no name", [vol({ name: "" })], "volumes[0].name"],
  ["a name twice", [vol(), vol({ target: bytes("/b"), block: { serial: "t" } })], "volumes[1].name"],
  ["no target", [vol({ target: bytes("") })], "volumes[0].target"],
  ["a relative target", [vol({ target: bytes("data") })], "volumes[0].target"],
  ["a target with a NUL", [vol({ target: bytes("/a\0b") })], "volumes[0].target"],
  ["a target that climbs", [vol({ target: bytes("/data/../etc") })], "volumes[0].target"],
  ["a target that only climbs", [vol({ target: bytes("../../etc") })], "volumes[0].target"],
  ["the root", [vol({ target: bytes("//.") })], "volumes[0].target"],
  ["/proc", [vol({ target: bytes("/proc") })], "volumes[0].target"],
  ["what is below /sys", [vol({ target: bytes("//sys/fs") })], "volumes[0].target"],
  ["what is below /dev", [vol({ target: bytes("/./dev/shm") })], "volumes[0].target"],
  [
    "one target in two ways",
    [vol(), vol({ name: "w", target: bytes("//data/."), block: { serial: "t" } })],
    "volumes[1].target",
  ],
  ["a part that climbs", [vol({ subPath: bytes("a/../../b") })], "volumes[0].sub_path"],
  ["a part with a NUL", [vol({ subPath: bytes("a\0") })], "volumes[0].sub_path"],
  ["an absolute part", [vol({ subPath: bytes("/a") })], "volumes[0].sub_path"],
  ["a part of a tmpfs", [vol({ tmpfs: {}, subPath: bytes("a") })], "volumes[0].sub_path"],
  ["an option that is none", [vol({ options: ["suid"] })], "volumes[0].options[0]"],
  ["options that contradict", [vol({ options: ["noatime", "relatime"] })], "volumes[0].options[1]"],
  ["a propagation that nobody knows", [vol(unknown("propagation"))], "volumes[0].propagation"],
  ["no source", [{ name: "v", target: bytes("/v") }], "volumes[0]"],
  ["a disk without identification", [vol({ block: {} })], "volumes[0].block"],
  ["a long label", [vol({ block: { label: "a".repeat(17) } })], "volumes[0].block.label"],
  ["a UUID that is none", [vol({ block: { uuid: "a" } })], "volumes[0].block.uuid"],
  ["an address that SCSI has not", [vol({ block: { scsiAddress: "1" } })], "volumes[0].block.scsi_address"],
  [
    "another file system",
    [vol({ block: { serial: "s", fileSystem: "btrfs" } })],
    "volumes[0].block.file_system",
  ],
  ["a format of nothing", [vol({ block: { serial: "s", format: true } })], "volumes[0].block.format"],
  [
    "a format of what is read-only",
    [vol({ readOnly: true, block: { serial: "s", fileSystem: "xfs", format: true } })],
    "volumes[0].block.format",
  ],
  ["a server that is no name", [vol({ nfs: { host: "a b", path: "/" } })], "volumes[0].nfs.host"],
  ["a relative export", [vol({ nfs: { host: "::1", path: "x" } })], "volumes[0].nfs.path"],
  ["an export with a NUL", [vol({ nfs: { host: "h", path: "/\0" } })], "volumes[0].nfs.path"],
  [
    "two options in one",
    [vol({ nfs: { host: "h", path: "/", options: ["a,b"] } })],
    "volumes[0].nfs.options[0]",
  ],
  [
    "an option with a NUL",
    [vol({ nfs: { host: "h", path: "/", options: ["a\0"] } })],
    "volumes[0].nfs.options[0]",
  ],
  ["a mode with five digits", [vol({ tmpfs: { mode: 0o10000 } })], "volumes[0].tmpfs.mode"],
  [
    "a size that is no number of JavaScript's",
    [vol({ tmpfs: { sizeBytes: 2 ** 60 } })],
    "volumes[0].tmpfs.size_bytes",
  ],
  ["nobody's file", [vol({ file: { uid: 0xffff_ffff } })], "volumes[0].file.uid"],
  [
    "a file of 1 MiB and a byte",
    [vol({ file: { content: Buffer.alloc(2 ** 20 + 1) } })],
    "volumes[0].file.content",
  ],
  ["a file that is filled", [vol({ file: {}, populate: true })], "volumes[0].populate"],
  ["no tag", [vol({ hostFolder: {} })], "volumes[0].host_folder.tag"],
  ["a disk below itself", [vol(), vol({ name: "w", target: bytes("/data/w") })], "volumes[1].target"],
  [
    "a disk whose part shows it",
    [vol({ subPath: bytes("a") }), vol({ name: "w", target: bytes("/data/w") })],
    "volumes[1].target",
  ],
  [
    "an export below itself",
    [
      vol({ nfs: { host: "H", path: "/x/y" } }),
      vol({ name: "w", target: bytes("/data/w"), nfs: { host: "h", path: "/x" } }),
    ],
    "volumes[1].target",
  ],
];

describe("the volumes of a document", () => {
  for (const [what, volumes, path] of wrongVolumes) {
    it(`are refused for ${what}`, async () => {
      const found = await find({ ...leastDocument, volumes: [...volumes] });
      assert.deepEqual(
        found.map((each) => each.split(" ", 1)[0]),
        [path],
        found.join("\n"),
      );
    });
  }

  it("may be parts of one disk, also below each other, that do not hold each other", async () => {
    const volumes = [
      vol({ subPath: bytes("a") }),
      vol({ name: "b", target: bytes("/data/b"), subPath: bytes("b") }),
      vol({ name: "c", target: bytes("/other"), subPath: bytes("a") }),
    ];
    assert.deepEqual(await find({ ...leastDocument, volumes }), []);
  });

  it("have one source: two can only be where nothing has been encoded", async () => {
    const [found] = await problemsOf({
      ...leastDocument,
      volumes: [vol({ block: { serial: "s" }, tmpfs: {} })],
    });
    assert.deepEqual(found, { path: "volumes[0].tmpfs", reason: "is given, and so is block" });
  });

  it("are 128 at most", async () => {
    const volumes = Array.from({ length: 129 }, (_, index) =>
      vol({ name: `v${index}`, target: bytes(`/v/${index}`), block: { serial: `s${index}` } }),
    );
    assert.deepEqual(await find({ ...leastDocument, volumes }), [
      "volumes has 129 elements; the most are 128",
    ]);
    assert.deepEqual(await find({ ...leastDocument, volumes: volumes.slice(1) }), []);
  });
});
