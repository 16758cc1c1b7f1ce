import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import { tether } from "../../src/protocol/generated/stats.js";
import { DelimitedDecoder, encodeDelimited } from "../../src/protocol/length-delimited.ts";
import { STATISTICS_SUBSYSTEM } from "../../src/protocol/link-names.ts";
import { addSamples } from "./add-samples.ts";
import type { Sample } from "./kernel-folders.ts";

export type Message = tether.stats.Message.$Properties;

/** A client of the subsystem `stats`: keeps what comes, and what it knows after each sample. */
export class StatisticsClient {
  readonly messages: Message[] = [];
  /** Each with everything that is known, whether it came in full or as a difference. */
  readonly samples: Sample[] = [];
  /** How large each message was. */
  readonly sizes: number[] = [];
  hasEnded = false;
  readonly channel: Duplex;
  readonly #arrived: Array<() => void> = [];

  static async open(connection: GuestConnection): Promise<StatisticsClient> {
    return new StatisticsClient(await connection.openSubsystem(STATISTICS_SUBSYSTEM));
  }

  constructor(channel: Duplex) {
    this.channel = channel;
    const decoder = new DelimitedDecoder();
    channel.on("data", (chunk: Buffer) => {
      for (const bytes of decoder.push(chunk)) this.#take(bytes);
      this.#wake();
    });
    channel.once("end", () => {
      this.hasEnded = true;
      this.#wake();
    });
  }

  send(request: tether.stats.Request.$Properties): void {
    this.channel.write(encodeDelimited(tether.stats.Request.encode(request).finish()));
  }

  /** Waits for so many messages in all. */
  async count(messages: number): Promise<readonly Message[]> {
    await this.until(() => this.messages.length >= messages);
    return this.messages;
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached() && !this.hasEnded) {
      const arrived = Promise.withResolvers<void>();
      this.#arrived.push(arrived.resolve);
      await arrived.promise;
    }
    if (!isReached()) throw new Error(`the channel ended after ${this.messages.length} messages`);
  }

  async close(): Promise<void> {
    const closed = once(this.channel, "close");
    this.channel.end();
    this.channel.resume();
    await closed;
  }

  #take(bytes: Buffer): void {
    const message = tether.stats.Message.decode(bytes);
    this.messages.push(message);
    this.sizes.push(bytes.length);
    const { sample } = message;
    if (sample) this.samples.push(sample.delta ? addSamples(this.samples.at(-1) ?? {}, sample) : sample);
  }

  #wake(): void {
    for (const wake of this.#arrived.splice(0)) wake();
  }
}
