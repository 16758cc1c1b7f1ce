import type { NetworkConfiguration } from "../init/index.ts";
import { problemsOf } from "../protocol/configuration/problems-of.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { tether } from "../protocol/generated/config.js";
import { CONFIGURATION_VERSION } from "../protocol/link-names.ts";
import { decodeNetwork } from "./configuration/decode-network.ts";

/**
 * The vNICs of a container as most are, in a template's slots: what is made of a document that says so, so that a fork
 * finds the code that checks and reads it. Addresses are those of documentation (RFC 5737); IPv6, which waits for a
 * cable, is left out. The document has no keys, for a template has none.
 */
export async function rehearsalOf(slots: readonly string[]): Promise<NetworkConfiguration> {
  const interfaces = slots.map((pciSlot, index) => ({
    ...{ name: `eth${index}`, pciSlot, addresses: [`192.0.2.${index + 2}/24`] },
    resolver: { nameservers: ["192.0.2.1"] },
    ...(index === 0 ? { gateway4: "192.0.2.1" } : {}),
  }));
  const document = tether.config.Config.create({
    ...{ version: CONFIGURATION_VERSION, id: "0".repeat(64), name: "rehearsal", hostname: "rehearsal" },
    session: { args: [Buffer.from("/")] },
    interfaces,
  });
  const [wrong] = (await problemsOf(document)).filter(({ path }) => !path.startsWith("link"));
  if (wrong !== undefined) throw new TetherError("internal", `rehearsal: ${wrong.path} ${wrong.reason}`);
  return decodeNetwork(document);
}
