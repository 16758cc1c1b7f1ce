import fc from "fast-check";
import type { tether } from "../../../src/protocol/generated/config.js";
import { type Document, fullDocument } from "./valid-document.ts";

type Interface = tether.config.NetworkInterface.$Properties;
type Volume = tether.config.Volume.$Properties;

/** Fields that no other depends on, and without which the document is in order as well. */
const OPTIONAL = [
  ...[
    "name",
    "domainname",
    "extraHosts",
    "nanoCpus",
    "hostTimeMs",
    "randomSeed",
    "security",
    "restart",
    "health",
  ],
  ...[
    "log",
    "statistics",
    "sysctls",
    "readOnlyRoot",
    "serveFilesOnly",
    "pidsLimit",
    "shmBytes",
    "generation",
    "resolver",
  ],
] as const satisfies readonly (keyof Document)[];

/** Documents that are in order: any of the optional fields, up to 32 vNICs and 128 volumes (a few, mostly). */
export const anyValidDocument: fc.Arbitrary<Document> = fc
  .record({
    left: fc.subarray([...OPTIONAL]),
    interfaces: fc.nat(4),
    volumes: fc.nat(6),
    name: fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/),
  })
  .map(({ left, interfaces, volumes, name }) => {
    const full = fullDocument();
    const kept = Object.fromEntries(
      Object.entries(full).filter(([key]) => !left.some((each) => each === key)),
    );
    return {
      ...kept,
      interfaces: Array.from({ length: interfaces }, (_, index) => interfaceOf(full, name, index)),
      volumes: Array.from({ length: volumes }, (_, index) => volumeOf(full, name, index)),
    };
  });

/** The full document's, apart by name, device and network. */
function interfaceOf(full: Document, name: string, index: number): Interface {
  const own = {
    name: `${name}${index}`,
    mac: "",
    pciSlot: `0000:00:${(index + 1).toString(16).padStart(2, "0")}.0`,
  };
  if (index % 2 === 1) return { ...full.interfaces?.[1], ...own };
  const net = `10.${index}.0`;
  return {
    ...full.interfaces?.[0],
    ...own,
    ...{ addresses: [`${net}.7/24`, `fd00:${index}::7/64`], gateway4: `${net}.1` },
  };
}

function volumeOf(full: Document, name: string, index: number): Volume {
  const all = full.volumes ?? [];
  return {
    ...all[index % all.length],
    ...{ name: `${name}${index}`, target: Buffer.from(`/mnt/${name}/${index}`) },
  };
}
