import { closeSync, constants, openSync, writeSync } from "node:fs";
import { encodeLogRecord, type Event } from "../protocol/control-messages.ts";

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

  /** Returns when the port has taken the record. */
  record(event: Event): void {
    const bytes = encodeLogRecord({ time: event.time ?? null, event });
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#descriptor, bytes, offset);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
