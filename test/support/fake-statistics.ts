import { type Duplex, duplexPair } from "node:stream";
import { StatisticsChannel } from "../../src/portlayer/statistics/index.ts";
import { DelimitedDecoder } from "../../src/protocol/length-delimited.ts";
import {
  decodeStatsRequest,
  encodeStatsMessage,
  type FactsMessage,
  type SampleMessage,
  type StatsRequest,
} from "../../src/protocol/stats-messages.ts";
import { fullSample } from "./full-sample.ts";

const REFUSED = { error: { code: "link-protocol", message: "the agent does not know this request" } };

type Answer = (request: StatsRequest, guest: Duplex, host: Duplex) => void;

/** Hands each request to `answer`, with the two ends of the channel. */
export function channelTo(answer: Answer): StatisticsChannel {
  return openChannelTo(answer).statistics;
}

function openChannelTo(answer: Answer): { readonly statistics: StatisticsChannel; readonly host: Duplex } {
  const [host, guest] = duplexPair();
  // Cut by the other end.
  guest.on("error", () => {});
  const decoder = new DelimitedDecoder();
  guest.on("data", (chunk: Buffer) => {
    for (const bytes of decoder.push(chunk)) answer(decodeStatsRequest(bytes), guest, host);
  });
  return { statistics: new StatisticsChannel(host), host };
}

/** A guest that has run for `seconds`, and whose test takes the samples of its subscriptions. */
export class FakeGuest {
  #seconds: number;
  #past: readonly number[];
  #changes: SampleMessage;
  readonly #links: Duplex[] = [];
  /** It hangs. */
  isSilent = false;
  /** Undefined: its agent does not know what that is. */
  facts: FactsMessage | undefined = { firmware: { vendor: "SeaBIOS" } };
  /** How many were opened, and how many of them are closed. */
  opened = 0;
  closed = 0;

  /** @param past the seconds of which it has kept a sample. */
  constructor(seconds: number, past: readonly number[] = [], changes: SampleMessage = {}) {
    this.#seconds = seconds;
    this.#past = past;
    this.#changes = changes;
  }

  open(): AsyncDisposable & { readonly statistics: StatisticsChannel } {
    this.opened++;
    const { statistics, host } = openChannelTo((request, guest) => {
      if (!this.isSilent) this.#answer(request, guest);
    });
    return {
      statistics,
      [Symbol.asyncDispose]: async () => {
        this.closed++;
        host.destroy();
      },
    };
  }

  /** Time passes, and a sample goes to each subscriber. */
  pass(seconds: number): void {
    this.#seconds += seconds;
    for (const link of this.#links) this.#send(link);
  }

  /** All links break. */
  break(): void {
    for (const link of this.#links.splice(0)) link.end();
  }

  #answer({ getSample, getHistory, subscribe, getFacts }: StatsRequest, guest: Duplex): void {
    if (getFacts) guest.write(encodeStatsMessage(this.facts ? { facts: this.facts } : REFUSED));
    if (getSample || subscribe) this.#send(guest);
    if (subscribe) this.#links.push(guest);
    if (!getHistory) return;
    const after = Number(getHistory.afterMonotonicMs);
    const past = this.#past.filter((each) => each * 1000 > after && each < this.#seconds);
    for (const each of past) guest.write(encodeStatsMessage({ sample: fullSample(each, this.#changes) }));
    guest.write(encodeStatsMessage({ historyEnd: { samples: past.length } }));
  }

  #send(guest: Duplex): void {
    guest.write(encodeStatsMessage({ sample: fullSample(this.#seconds, this.#changes) }));
  }
}
