import { type Execution, makeEventFilter, toDockersEvent } from "../../portlayer/execution/index.ts";
import { ApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Query } from "../http/query.ts";
import type { Route } from "../http/router.ts";
import { sendLine } from "../http/send.ts";

/** What happens. */
export function eventRoutes(execution: Execution): Route[] {
  return [{ method: "GET", path: "/events", answer: (exchange) => sendEvents(execution, exchange) }];
}

async function sendEvents(execution: Execution, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const isWanted = makeEventFilter(query.filters());
  const events = execution.events({
    sinceMs: readTime(query, "since"),
    untilMs: readTime(query, "until"),
    signal,
  });
  const response = exchange.begin(200, { "Content-Type": "application/json" });
  for await (const event of events)
    if (isWanted(event)) await sendLine(response, toDockersEvent(event), signal);
  response.end();
}

/** Seconds since 1970, with a fraction. */
function readTime(query: Query, name: string): number | undefined {
  const text = query.text(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,12}(\.\d+)?$/.test(text))
    throw new ApiError(400, `${name}: ${JSON.stringify(text)} is no time`);
  return Number(text) * 1000;
}
