import { TetherError } from "../../protocol/errors/index.ts";
import { isSplit, joinText, parseSplit, splitText } from "../../protocol/guestinfo/index.ts";
import { partKey } from "../../protocol/guestinfo/split-text.ts";

/** Makes one request: `System.rpci`, or `System.rpciAside` where somebody else would have to wait. */
export type Rpci = (request: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/**
 * The variables of this VM that its VMware host and the guest share (guestinfo), by RPCI: `info-get`, `info-set` and
 * `log`. Every call may wait for as long as the host takes.
 */
export class GuestInfo {
  readonly #rpci: Rpci;

  constructor(rpci: Rpci) {
    this.#rpci = rpci;
  }

  /**
   * The value of one key, undefined when it has none.
   *
   * @throws TetherError `guest-initialisation` when the host refuses, or does not answer.
   */
  async get(key: string): Promise<string | undefined> {
    const { succeeded, text } = await this.#request(`info-get ${checkKey(key)}`);
    if (succeeded) return text;
    if (text === NO_VALUE) return undefined;
    throw refused(`info-get ${key}`, text);
  }

  /**
   * Sets one key. VMware lets the guest set those without a `/`, below `guestinfo.`.
   *
   * @param value not empty, which VMware does not take, without NUL, and some bytes less than 64 KiB.
   * @throws TetherError `guest-initialisation` when the host refuses, or does not answer.
   */
  async set(key: string, value: string): Promise<void> {
    if (value === "" || value.includes("\0"))
      throw refused(`info-set ${key}`, "the value is empty or has a NUL");
    const { succeeded, text } = await this.#request(`info-set ${checkKey(key)} ${value}`);
    if (!succeeded) throw refused(`info-set ${key}`, text);
  }

  /** {@link get} of a text that may be in parts. @throws TetherError also when the parts are not those of one text. */
  async getLong(key: string): Promise<string | undefined> {
    const value = await this.get(key);
    if (value === undefined || !isSplit(value)) return value;
    const header = parseSplit(key, value);
    const parts: string[] = [];
    let length = 0;
    // No more than was announced is kept in memory.
    for (let number = 1; number <= header.parts && length <= header.length; number += 1) {
      const part = (await this.get(partKey(key, number))) ?? "";
      parts.push(part);
      length += part.length;
    }
    return joinText(key, header, parts);
  }

  /** {@link set} of a text of ASCII characters that may need parts. */
  async setLong(key: string, text: string): Promise<void> {
    for (const part of splitText(key, text)) await this.set(part.key, part.value);
  }

  /**
   * Takes a secret away from guestinfo, and looks whether it is gone. A key cannot be deleted, nor be empty; a space
   * is as close as it gets (so does cloud-init's DataSourceVMware).
   *
   * @throws TetherError `guest-initialisation` when it is still there.
   */
  async erase(key: string): Promise<void> {
    await this.set(key, " ");
    const left = await this.get(key);
    if (left !== undefined && left.trim() !== "")
      throw refused(`info-set ${key}`, "the value is still there");
  }

  /** Writes a line into the VM's vmware.log. */
  async log(line: string): Promise<void> {
    const { succeeded, text } = await this.#request(
      `log ${line.replaceAll("\0", "?").slice(0, LONGEST_LINE)}`,
    );
    if (!succeeded) throw refused("log", text);
  }

  async #request(request: string): Promise<{ succeeded: boolean; text: string }> {
    const bytes = Buffer.from(request);
    const command = request.split(" ", 2).join(" ");
    if (bytes.length > LARGEST_REQUEST) throw refused(command, "the request is longer than 64 KiB");
    let reply: Buffer;
    try {
      reply = Buffer.from(await this.#rpci(bytes));
    } catch (error) {
      throw TetherError.from(error, "guest-initialisation", `guestinfo: ${command}`);
    }
    const status = reply.toString("latin1", 0, STATUS_BYTES);
    if (status !== SUCCEEDED && status !== FAILED) throw refused(command, "the host's answer has no status");
    return { succeeded: status === SUCCEEDED, text: reply.toString("utf8", STATUS_BYTES) };
  }
}

/** RPCI's replies begin with one of these (open-vm-tools, lib/rpcOut). */
const SUCCEEDED = "1 ";
const FAILED = "0 ";
const STATUS_BYTES = 2;

/** What VMware says of a key without a value. */
const NO_VALUE = "No value found";

const LARGEST_REQUEST = 64 * 1024;
const LONGEST_LINE = 1024;
const LONGEST_REASON = 200;

const KEY = /^guestinfo\.[A-Za-z0-9_./-]{1,200}$/;

function checkKey(key: string): string {
  if (!KEY.test(key))
    throw new TetherError(
      "guest-initialisation",
      `guestinfo: ${JSON.stringify(key.slice(0, LONGEST_REASON))} is no key`,
    );
  return key;
}

/** @param reason of the host's, so that it is cut and kept on one line. */
function refused(request: string, reason: string): TetherError {
  const line = reason.slice(0, LONGEST_REASON).replaceAll(/[^\x20-\x7e]/g, "?");
  return new TetherError("guest-initialisation", `guestinfo: ${request}: ${line}`);
}
