import { type Execution, hasGuest, type KnownContainer } from "../../portlayer/execution/index.ts";
import { dockerStatistics, type Sample, takePair } from "../../portlayer/statistics/index.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import { sendLine } from "../http/send.ts";

/** Docker's. */
const PERIOD_MS = 1_000;

/** What containers use. */
export function statsRoutes(execution: Execution): Route[] {
  return [
    {
      method: "GET",
      path: "/containers/{id}/stats",
      answer: (exchange) => sendStatistics(execution, exchange),
    },
  ];
}

async function sendStatistics(execution: Execution, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const known = await execution.look(exchange.parameter("id"));
  const isStream = query.text("stream") === undefined || query.flag("stream");
  if (!hasGuest(known)) {
    exchange.json(200, describe(known, undefined, undefined));
    return;
  }
  await using access = await execution.openStatistics(known.record.id, signal);
  const { statistics } = access;
  if (isStream) {
    await stream(exchange, known, statistics.subscribe({ periodMs: PERIOD_MS }));
    return;
  }
  // With `one-shot` (since 1.41) there is no sample before.
  if (query.flag("one-shot") && exchange.version >= 41) {
    exchange.json(200, describe(known, await statistics.sample(), undefined));
    return;
  }
  const { now, before } = await takePair(statistics, [], signal);
  exchange.json(200, describe(known, now, before));
}

/** One line each second, until the client goes or the container ends. */
async function stream(
  exchange: Exchange,
  known: KnownContainer,
  samples: AsyncIterable<Sample>,
): Promise<void> {
  const response = exchange.begin(200, { "Content-Type": "application/json" });
  let before: Sample | undefined;
  try {
    for await (const now of samples) {
      if (exchange.signal.aborted) break;
      await sendLine(response, describe(known, now, before), exchange.signal);
      before = now;
    }
  } catch (error) {
    // A container that ends takes its statistics with it.
    exchange.log.debug({ container: known.record.id }, String(error));
  }
  response.end();
}

function describe({ record }: KnownContainer, now: Sample | undefined, before: Sample | undefined): object {
  return dockerStatistics({ id: record.id, name: record.name }, now, before);
}
