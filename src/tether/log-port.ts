import { closeSync, constants, openSync, writeSync, writev } from "node:fs";
import type { Event } from "../protocol/control-messages.ts";
import { encodeLogRecord } from "../protocol/log/index.ts";

/**
 * The guest's end of the log: a virtio-serial port whose host side is a file, so that a record survives
 * guest and endpoint.
 */
export class LogPort {
  readonly #descriptor: number;

  /** @param path the port's device. */
  constructor(path: string) {
    this.#descriptor = openSync(path, constants.O_WRONLY);
  }

  /**
   * Writes blocks of whole records, each of at most MAX_FRAME_BYTES: the driver would cut a longer one. They must
   * stay as they are until `done` is called. A write waits in a thread of libuv while the host does not take it.
   * One at a time.
   */
  write(blocks: readonly Uint8Array[], done: (error?: Error) => void): void {
    writev(this.#descriptor, blocks, null, (error, written) => {
      if (error !== null) {
        done(error);
        return;
      }
      const rest = without(blocks, written);
      if (rest.length === 0) done();
      else this.write(rest, done);
    });
  }

  /** Returns when the port has taken the record; nothing else is done meanwhile. */
  record(event: Event): void {
    const bytes = encodeLogRecord({ time: event.time ?? null, event });
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#descriptor, bytes, offset);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function without(blocks: readonly Uint8Array[], written: number): Uint8Array[] {
  let rest = written;
  return blocks.flatMap((block) => {
    const taken = Math.min(rest, block.length);
    rest -= taken;
    return taken === block.length ? [] : [block.subarray(taken)];
  });
}
