import { problemsOf } from "../protocol/configuration/problems-of.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { tether } from "../protocol/generated/config.js";
import { CONFIGURATION_VERSION } from "../protocol/link-names.ts";
import { type Configuration, configurationOf, parseConfiguration } from "./configuration/decode.ts";

/** What a template's machine has for the containers that are forked from it. */
export interface TemplateDevices {
  /** PCI slots of its vNICs. */
  readonly slots: readonly string[];
  /** Serial numbers of its volumes' disks. */
  readonly disks: readonly string[];
}

/**
 * A container as most are, on a template's devices: what is made of a document that says so, so that a fork finds the
 * code that reads and checks it. Addresses are those of documentation (RFC 5737); IPv6, which waits for a cable, is
 * left out. Each volume is there twice, on its disk, which is looked for but is empty, and in memory, for the mounting.
 * The document has no keys, for a template has none.
 */
export async function rehearsalOf({ slots, disks }: TemplateDevices): Promise<Configuration> {
  const written = tether.config.Config.create({
    ...{ version: CONFIGURATION_VERSION, id: "0".repeat(64), name: "rehearsal", hostname: "rehearsal" },
    session: {
      ...{ args: [Buffer.from("/bin/sh"), Buffer.from("-c")], env: [Buffer.from("PATH=/bin")] },
      ...{ workingDirectory: Buffer.from("/"), user: "0:0" },
    },
    extraHosts: [{ address: "192.0.2.1", names: ["host.example"] }],
    resolver: { nameservers: ["192.0.2.1"] },
    interfaces: slots.map(interfaceOf),
    volumes: disks.flatMap((serial) => [onDisk(serial), inMemory(serial)]),
  });
  const document = await parseConfiguration(tether.config.Config.encode(written).finish());
  const [wrong] = (await problemsOf(document)).filter(({ path }) => !path.startsWith("link"));
  if (wrong !== undefined) throw new TetherError("internal", `rehearsal: ${wrong.path} ${wrong.reason}`);
  return configurationOf(document);
}

function interfaceOf(pciSlot: string, index: number): tether.config.NetworkInterface.$Properties {
  return {
    ...{ name: `eth${index}`, pciSlot, addresses: [`192.0.2.${index + 2}/24`] },
    resolver: { nameservers: ["192.0.2.1"] },
    ...(index === 0 ? { gateway4: "192.0.2.1" } : {}),
  };
}

function onDisk(serial: string): tether.config.Volume.$Properties {
  return {
    ...{ name: `${serial}-disk`, target: Buffer.from(`/rehearsal/${serial}/disk`), populate: true },
    block: { serial, fileSystem: "ext4" },
  };
}

function inMemory(serial: string): tether.config.Volume.$Properties {
  return {
    ...{ name: `${serial}-memory`, target: Buffer.from(`/rehearsal/${serial}/memory`), populate: true },
    tmpfs: {},
  };
}
