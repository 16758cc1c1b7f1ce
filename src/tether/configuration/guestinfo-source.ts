import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import {
  CONFIGURATION_KEY,
  openSealed,
  parseSealKey,
  PLAIN_ACCEPTED,
  PLAIN_KEY,
  SEAL_KEY,
  SEALED_PREFIX,
} from "../../protocol/guestinfo/index.ts";
import type { GuestInfo } from "../guestinfo/index.ts";
import type { ConfigurationSource } from "./configuration-source.ts";

/**
 * VMware's guestinfo. VMware answers its backdoor in user mode too, whatever the kernel forbids, so the container's
 * process can ask for every key that the agent can ask for. Therefore the document is sealed, and the key that opens
 * it is erased before the process is started; the document itself stays, since no guest can write its key.
 */
export class GuestinfoSource implements ConfigurationSource {
  readonly name = `guestinfo (${CONFIGURATION_KEY})`;
  /** Whether the container can read the document that was read last; undefined as long as none was. */
  isReadable: boolean | undefined;
  readonly #guestinfo: GuestInfo;
  readonly #keyFile: string;

  /**
   * @param keyFile keeps the key for newer generations, which the host sets without one beside them: in memory, and
   *   outside the container's view. An agent that takes over finds it there.
   */
  constructor(guestinfo: GuestInfo, keyFile: string) {
    this.#guestinfo = guestinfo;
    this.#keyFile = keyFile;
  }

  async read(): Promise<Uint8Array | undefined> {
    const text = await this.#guestinfo.getLong(CONFIGURATION_KEY);
    const isSealed = text?.startsWith(SEALED_PREFIX) ?? false;
    await this.#takeKey();
    if (text === undefined) return undefined;
    this.isReadable = !isSealed;
    if (isSealed) return this.#open(text);
    if ((await this.#guestinfo.get(PLAIN_KEY)) === PLAIN_ACCEPTED) return Buffer.from(text, "latin1");
    throw new TetherError(
      "guest-initialisation",
      `${CONFIGURATION_KEY} is not sealed, so that the container's process could read its keys: ` +
        `seal it (vch config encode --guestinfo), or set ${PLAIN_KEY} to ${PLAIN_ACCEPTED} (docs/reference/guestinfo.md)`,
    );
  }

  /** Erased in any case: also a key that nothing is sealed with is the host's secret. */
  async #takeKey(): Promise<void> {
    const key = parseSealKey((await this.#guestinfo.get(SEAL_KEY)) ?? "");
    if (key === undefined) return;
    await this.#guestinfo.erase(SEAL_KEY);
    mkdirSync(dirname(this.#keyFile), { recursive: true, mode: 0o700 });
    writeFileSync(this.#keyFile, key, { mode: 0o600 });
  }

  #open(text: string): Uint8Array {
    if (!existsSync(this.#keyFile)) {
      throw new TetherError(
        "guest-initialisation",
        `${CONFIGURATION_KEY} is sealed, and ${SEAL_KEY} holds no key: it is to be set anew for each start`,
      );
    }
    return openSealed(text, readFileSync(this.#keyFile));
  }
}
