import { closeSync } from "node:fs";
import { namesIn } from "../protocol/archive/directory.ts";
import type { ByteString } from "../protocol/archive/index.ts";
import { BadPacket } from "./sftp-packets.ts";

/** So many files and folders at once: as OpenSSH's sftp-server with usual limits, far fewer than the agent may open. */
export const MOST_HANDLES = 128;

/** An open file or folder of one SFTP client. */
export type Handle =
  | { readonly kind: "file"; readonly descriptor: number }
  | { readonly kind: "folder"; readonly descriptor: number; readonly names: Generator<ByteString> };

/** What one SFTP client has open. */
export class Handles {
  readonly #open = new Map<number, Handle>();
  #last = 0;

  get isFull(): boolean {
    return this.#open.size >= MOST_HANDLES;
  }

  /** Takes a descriptor over; the caller has seen that there is room. @returns the handle for the client. */
  add(kind: Handle["kind"], descriptor: number): Buffer {
    const handle: Handle =
      kind === "file" ? { kind, descriptor } : { kind, descriptor, names: namesIn(descriptor) };
    this.#last += 1;
    this.#open.set(this.#last, handle);
    const name = Buffer.alloc(4);
    name.writeUInt32BE(this.#last);
    return name;
  }

  /** @throws BadPacket for a handle that is none. */
  get(name: Buffer): Handle {
    const handle = name.length === 4 ? this.#open.get(name.readUInt32BE()) : undefined;
    if (handle === undefined) throw new BadPacket("no such handle");
    return handle;
  }

  file(name: Buffer): number {
    const handle = this.get(name);
    if (handle.kind !== "file") throw new BadPacket("not the handle of a file");
    return handle.descriptor;
  }

  folder(name: Buffer): Extract<Handle, { kind: "folder" }> {
    const handle = this.get(name);
    if (handle.kind !== "folder") throw new BadPacket("not the handle of a folder");
    return handle;
  }

  close(name: Buffer): void {
    const handle = this.get(name);
    this.#open.delete(name.readUInt32BE());
    release(handle);
  }

  closeAll(): void {
    for (const handle of this.#open.values()) release(handle);
    this.#open.clear();
  }
}

function release(handle: Handle): void {
  if (handle.kind === "folder") handle.names.return(undefined);
  closeSync(handle.descriptor);
}
