import type { Execution, StopOptions } from "../../portlayer/execution/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { ApiError, notBuilt, toApiError, withContext } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Query } from "../http/query.ts";
import type { Route } from "../http/router.ts";
import { WAIT_CONDITIONS, waitFor } from "../sessions/wait-condition.ts";
import { inWordsOfStart } from "./launch-errors.ts";
import type { Parts } from "./parts.ts";

/** What a container does: it is started, stopped, signalled, frozen, waited for. */
export function lifeRoutes(parts: Parts): Route[] {
  const { execution } = parts;
  return [
    { method: "POST", path: "/containers/{id}/start", answer: (exchange) => start(parts, exchange) },
    {
      method: "POST",
      path: "/containers/{id}/stop",
      answer: async (exchange) => {
        const wasUp = await execution.stop(exchange.parameter("id"), readStop(exchange.query));
        exchange.empty(wasUp ? 204 : 304);
      },
    },
    {
      method: "POST",
      path: "/containers/{id}/restart",
      answer: async (exchange) => {
        const { id } = execution.containers.find(exchange.parameter("id"));
        const never = new AbortController().signal;
        await execution.restart(id, readStop(exchange.query), never);
        exchange.empty(204);
      },
    },
    {
      method: "POST",
      path: "/containers/{id}/kill",
      answer: async (exchange) => {
        await kill(execution, exchange);
      },
    },
    { method: "POST", path: "/containers/{id}/pause", answer: simply((id) => execution.pause(id)) },
    { method: "POST", path: "/containers/{id}/unpause", answer: simply((id) => execution.unpause(id)) },
    { method: "POST", path: "/containers/{id}/wait", answer: (exchange) => wait(parts, exchange) },
    { method: "POST", path: "/containers/{id}/resize", answer: (exchange) => resize(parts, exchange) },
  ];
}

function simply(act: Execution["pause"]): Route["answer"] {
  return async (exchange) => {
    await act(exchange.parameter("id"));
    exchange.empty(204);
  };
}

async function kill(execution: Execution, exchange: Exchange): Promise<void> {
  const id = exchange.parameter("id");
  const signal = exchange.query.text("signal") ?? "KILL";
  try {
    await execution.kill(id, signal);
  } catch (error) {
    if (error instanceof TetherError && error.code === "invalid-option")
      throw new ApiError(400, `Invalid signal: ${signal}`);
    const isMissing = error instanceof TetherError && error.code === "no-such-container";
    throw isMissing ? withContext(`Cannot kill container: ${id}`, error) : error;
  }
  exchange.empty(204);
}

async function start({ execution, sessions }: Parts, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  for (const name of ["checkpoint", "checkpoint-dir"]) if (query.text(name)) throw notBuilt(name);
  const known = await execution.look(exchange.parameter("id"));
  try {
    const isStarted = await sessions.start(known);
    exchange.empty(isStarted ? 204 : 304);
  } catch (error) {
    throw inWordsOfStart(error);
  }
}

function readStop(query: Query): StopOptions {
  const seconds = query.integer("t");
  return {
    ...(seconds === undefined ? {} : { graceMs: seconds * 1000 }),
    signal: query.text("signal"),
  };
}

/** The answer's head goes out at once: Docker's client starts the container when it has come. */
async function wait({ execution, sessions }: Parts, exchange: Exchange): Promise<void> {
  const text = exchange.query.text("condition") ?? "not-running";
  const condition = WAIT_CONDITIONS.find((each) => each === text);
  if (condition === undefined) throw new ApiError(400, `invalid condition: ${JSON.stringify(text)}`);
  const known = await execution.look(exchange.parameter("id"));
  const { id } = known.record;
  const response = exchange.begin(200, { "Content-Type": "application/json" });
  try {
    const status = await waitFor(execution, known, condition, exchange.signal, (each) =>
      sessions.outcomeOf(each),
    );
    // All output first, then the end.
    await sessions.outcomeOf(id);
    response.end(`${JSON.stringify({ StatusCode: status })}\n`);
  } catch (error) {
    const { message } = exchange.signal.aborted ? new Error("context canceled") : toApiError(error);
    response.end(`${JSON.stringify({ StatusCode: -1, Error: { Message: message } })}\n`);
  }
}

async function resize({ execution, sessions }: Parts, exchange: Exchange): Promise<void> {
  const size = readSize(exchange.query);
  await sessions.resize(await execution.look(exchange.parameter("id")), size);
  exchange.empty(200);
}

/** @throws ApiError 400. */
export function readSize(query: Query): { columns: number; rows: number } {
  const [rows = 0, columns = 0] = [query.integer("h"), query.integer("w")];
  const fits = [rows, columns].every((each) => each >= 0 && each < 65_536);
  if (!fits) throw new ApiError(400, "h and w must be between 0 and 65535");
  return { columns, rows };
}
