import type { Execution } from "../../portlayer/execution/index.ts";
import { formatLogTime, parseLogTime } from "../../portlayer/interaction/log/index.ts";
import { ApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { streamType } from "../http/hijack.ts";
import type { Query } from "../http/query.ts";
import type { Route } from "../http/router.ts";
import { send } from "../http/send.ts";
import { frame } from "../sessions/multiplexed.ts";

/** What containers have printed. */
export function logRoutes(execution: Execution): Route[] {
  return [
    { method: "GET", path: "/containers/{id}/logs", answer: (exchange) => sendLogs(execution, exchange) },
  ];
}

async function sendLogs(execution: Execution, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const wanted = { stdout: query.flag("stdout"), stderr: query.flag("stderr") };
  if (!wanted.stdout && !wanted.stderr)
    throw new ApiError(400, "Bad parameters: you must choose at least one stream");
  const range = readRange(query);
  const { id, tty, settings } = execution.containers.find(exchange.parameter("id"));
  if (settings?.log.isDisabled === true)
    throw new ApiError(501, "configured logging driver does not support reading");
  const entries = execution.logs(id, { ...range, follows: query.flag("follow"), signal });
  const response = exchange.begin(
    200,
    exchange.version >= 42 ? { "Content-Type": streamType(exchange, tty) } : {},
  );
  for await (const { stream, data, time, isLineStart } of entries) {
    if (!wanted[stream]) continue;
    const prefix = isLineStart
      ? `${query.flag("timestamps") ? `${formatLogTime(time)} ` : ""}${query.flag("details") ? " " : ""}`
      : "";
    const line = prefix === "" ? data : Buffer.concat([Buffer.from(prefix), data]);
    await send(response, tty ? line : frame(stream, line), signal);
  }
  response.end();
}

function readRange(query: Query) {
  const [tail = "all", since = "0", until = "0"] = ["tail", "since", "until"].map((name) => query.text(name));
  return {
    // Docker takes a number that is negative, or none, for all.
    ...(/^\d{1,15}$/.test(tail) ? { tail: Number(tail) } : {}),
    ...(since === "0" ? {} : { since: parseLogTime("since", since) }),
    ...(until === "0" ? {} : { until: parseLogTime("until", until) }),
  };
}
