import type { ClientChannel } from "ssh2";
import { z } from "zod";
import {
  type ArchiveCommand,
  formatArchiveCommand,
  type ListedFile,
  type PathStatus,
} from "../../protocol/archive-commands.ts";
import { isErrorCode, TetherError } from "../../protocol/errors/index.ts";

/** What runs commands in a guest; {@link GuestConnection} does. */
export interface CommandRunner {
  execute(command: string, pty: undefined): Promise<ClientChannel>;
}

/** A guest that says more than this where one line is due is not listened to. */
const LONGEST_LINE = 64 * 1024;

const statusSchema = z.object({
  name: z.string(),
  size: z.number().nonnegative(),
  mode: z.int().min(0).max(0o177777),
  modifiedNs: z.string().regex(/^-?\d{1,20}$/),
  linkTarget: z.string(),
});
const count = z.number().nonnegative();
const listedSchema = z.tuple([
  z.string().regex(/^\/[^\u0100-\uffff]+$/),
  z.int().min(0).max(0o177777),
  count,
  count,
  count,
  z.string().regex(/^-?\d{1,20}$/),
  count,
]);
const failureSchema = z.object({ code: z.string(), message: z.string() });

/** One archive command that runs in a guest. Everything that comes from there is checked and bounded. */
export class ArchiveChannel {
  readonly #channel: ClientChannel;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #errorOutput = "";

  private constructor(channel: ClientChannel) {
    this.#channel = channel;
    channel.stderr.on("data", (chunk: Buffer) => {
      if (this.#errorOutput.length < LONGEST_LINE) this.#errorOutput += chunk.toString("utf8");
    });
    // What follows an error is the close.
    channel.on("error", () => {});
    channel.once("close", () => {
      this.#isClosed = true;
      this.#closed.resolve();
    });
  }

  static async open(runner: CommandRunner, command: ArchiveCommand): Promise<ArchiveChannel> {
    return new ArchiveChannel(await runner.execute(formatArchiveCommand(command), undefined));
  }

  /** The command's output; the caller reads it to its end, then asks for {@link succeed}. */
  async *output(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#channel) yield chunk as Uint8Array;
    } catch {
      // A channel that broke; that there is no exit status says it.
    }
  }

  /** Throws the output away: ssh2 closes a channel only once it is read. */
  ignoreOutput(): void {
    this.#channel.resume();
  }

  /** Sends a piece of input. @returns false when the guest takes no more: {@link succeed} says why. */
  async send(piece: Uint8Array): Promise<boolean> {
    if (this.#isClosed) return false;
    const written = new Promise<void>((resolve) => this.#channel.write(piece, () => resolve()));
    await Promise.race([written, this.#closed.promise]);
    return !this.#isClosed;
  }

  endInput(): void {
    this.#channel.end();
  }

  /** Waits for the end. @throws TetherError the guest's, or `guest-lost` when it ended without a word. */
  async succeed(): Promise<void> {
    this.ignoreOutput();
    await this.#closed.promise;
    const exit = this.#exit;
    if (exit === 0) return;
    throw exit === undefined || exit === null
      ? new TetherError("guest-lost", "the link to the container VM broke while files were copied")
      : readFailure(this.#errorOutput);
  }

  /** An event would tell it too, but it may be there before anybody can listen. ssh2's types do not list it. */
  get #exit(): number | null | undefined {
    const { _exit: exit } = this.#channel as unknown as {
      _exit: { readonly code: number | null | undefined };
    };
    return exit.code;
  }

  /** Gives the command up; the guest ends it. */
  close(): void {
    this.#channel.close();
  }
}

/** @throws TetherError `link-protocol`. */
export function parseStatus(line: string): PathStatus {
  try {
    return statusSchema.parse(JSON.parse(line));
  } catch (error) {
    throw TetherError.from(
      error instanceof SyntaxError ? error : notUnderstood(),
      "link-protocol",
      "the guest",
    );
  }
}

/** A line of `archive-list`. @throws TetherError `link-protocol`. */
export function parseListedFile(line: string): ListedFile {
  try {
    return listedSchema.parse(JSON.parse(line));
  } catch {
    throw notUnderstood();
  }
}

/** The first line of an output, which may be no longer than a status can be. */
export function splitLine(text: Buffer): { line: string; rest: Buffer } | undefined {
  const end = text.indexOf(0x0a);
  if (end < 0 && text.length > LONGEST_LINE) throw notUnderstood();
  return end < 0 ? undefined : { line: text.toString("utf8", 0, end), rest: text.subarray(end + 1) };
}

function notUnderstood(): TetherError {
  return new TetherError("link-protocol", "the guest's answer about a file was not understood");
}

function readFailure(text: string): TetherError {
  try {
    const { code, message } = failureSchema.parse(JSON.parse(text));
    return new TetherError(isErrorCode(code) ? code : "internal", oneLine(message));
  } catch {
    return notUnderstood();
  }
}

/** It goes to the user's terminal. */
function oneLine(message: string): string {
  return message.slice(0, 2000).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
