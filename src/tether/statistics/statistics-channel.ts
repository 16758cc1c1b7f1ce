import type { ServerChannel } from "ssh2";
import { TetherError } from "../../protocol/errors/index.ts";
import { DelimitedDecoder } from "../../protocol/length-delimited.ts";
import type { History } from "../../stats/history/history.ts";
import type { Sampler } from "../../stats/index.ts";
import { ChannelOutput } from "./channel-output.ts";
import {
  decodeStatisticsRequest,
  encodeHistoryEnd,
  encodeStatisticsError,
  type StatisticsRequest,
} from "./request.ts";

/** What is served. */
export interface ServedStatistics {
  readonly sampler: Sampler;
  /** Loads what makes samples of what was recorded. */
  history(): Promise<Pick<History, "since">>;
  /** A Message with what the machine is. */
  facts(): Promise<Buffer>;
  /** Counts a subscriber. @throws TetherError `conflict` when there are too many. @returns counts it out. */
  addSubscriber(): () => void;
}

/** A request that names every group takes some 40. */
const MOST_REQUEST_BYTES = 4096;

/** The history goes out in pieces of this size, each when there is room for it. */
const PIECE_BYTES = 16 * 1024;

/**
 * Serves the subsystem `stats` on one channel: Request in, Message out (proto/stats.proto), one after the other. A
 * request that cannot be met is answered with its error; who sends something else is told so, and let go.
 *
 * @returns ends it when the link is gone, of which a channel that waits does not tell.
 */
export function serveStatistics(channel: ServerChannel, statistics: ServedStatistics): () => void {
  const served = new StatisticsChannel(channel, statistics);
  void served.serve();
  return () => served.end();
}

class StatisticsChannel {
  readonly #channel: ServerChannel;
  readonly #statistics: ServedStatistics;
  readonly #output: ChannelOutput;
  #unsubscribe: (() => void) | undefined;
  #hasEnded = false;

  constructor(channel: ServerChannel, statistics: ServedStatistics) {
    this.#channel = channel;
    this.#statistics = statistics;
    this.#output = new ChannelOutput(channel);
  }

  async serve(): Promise<void> {
    const decoder = new DelimitedDecoder(MOST_REQUEST_BYTES);
    // Leaving the loop ends the channel.
    for await (const chunk of this.#channel as AsyncIterable<Buffer>)
      if (!(await this.#take(decoder, chunk))) break;
    this.end();
    this.#channel.end();
  }

  end(): void {
    this.#hasEnded = true;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#output.end();
  }

  /** @returns false when what follows cannot be read any more. */
  async #take(decoder: DelimitedDecoder, chunk: Buffer): Promise<boolean> {
    try {
      for (const bytes of decoder.push(chunk)) await this.#answer(bytes);
      return true;
    } catch (error) {
      this.#refuse(TetherError.from(error, "link-protocol", "malformed request"));
      return false;
    }
  }

  async #answer(bytes: Uint8Array): Promise<void> {
    // Whoever asks and does not read is not answered beyond that, nor asked what else there is.
    await this.#output.room();
    if (this.#hasEnded) return;
    try {
      await this.#carryOut(decodeStatisticsRequest(bytes));
    } catch (error) {
      this.#refuse(TetherError.from(error, "internal", "the request failed"));
    }
  }

  #refuse(error: TetherError): void {
    this.#output.write(encodeStatisticsError(error));
  }

  async #carryOut(request: StatisticsRequest): Promise<void> {
    const { sampler } = this.#statistics;
    if (request.kind === "subscribe") this.#subscribe(request);
    else if (request.kind === "sample") this.#output.write(sampler.sample(request.groups).frame);
    else if (request.kind === "history") await this.#sendHistory(request.afterUs);
    else if (request.kind === "facts") this.#output.write(await this.#statistics.facts());
    else this.#leave();
  }

  #subscribe({ periodMs, groups, delta }: StatisticsRequest & { readonly kind: "subscribe" }): void {
    this.#leave();
    const countOut = this.#statistics.addSubscriber();
    const output = this.#output;
    const unsubscribe = this.#statistics.sampler.subscribe({
      ...{ periodMs, groups, delta },
      isReady: () => output.isReady,
      send: ({ frame }) => output.write(frame),
    });
    this.#unsubscribe = () => {
      unsubscribe();
      countOut();
    };
  }

  #leave(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  async #sendHistory(afterUs: number): Promise<void> {
    const history = await this.#statistics.history();
    let piece: Buffer[] = [];
    let [pieceBytes, count] = [0, 0];
    for await (const sample of history.since(afterUs)) {
      if (this.#hasEnded) return;
      count += 1;
      piece.push(sample);
      pieceBytes += sample.length;
      if (pieceBytes < PIECE_BYTES) continue;
      this.#output.write(Buffer.concat(piece));
      [piece, pieceBytes] = [[], 0];
      await this.#output.room();
    }
    this.#output.write(Buffer.concat([...piece, encodeHistoryEnd(count)]));
  }
}
