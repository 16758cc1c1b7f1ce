import { isUp, type KnownContainer } from "../../portlayer/execution/index.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../../portlayer/interaction/index.ts";
import { ApiError, notBuilt } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { hijack } from "../http/hijack.ts";
import type { Route } from "../http/router.ts";
import { SessionClient } from "../sessions/client.ts";
import type { Parts } from "./parts.ts";

/** Attaching to a container's process. */
export function attachRoutes(parts: Parts): Route[] {
  return [{ method: "POST", path: "/containers/{id}/attach", answer: (exchange) => attach(parts, exchange) }];
}

async function attach({ execution, sessions }: Parts, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const known = await execution.look(exchange.parameter("id"));
  if (query.flag("logs"))
    throw notBuilt("logs of an attachment: ask for /containers/{id}/logs; this parameter");
  if (!query.flag("stream")) throw notBuilt("attaching without stream");
  refuseUnlessAttachable(known);
  if (!sessions.hasRoom(known.record.id))
    throw new ApiError(503, "too many clients wait for this container's start");
  const client = takeOver(exchange, known);
  if (isUp(known.state)) await sessions.follow(known, client);
  else await sessions.wait(known.record.id, client);
}

function takeOver(exchange: Exchange, { record: { settings, tty } }: KnownContainer): SessionClient {
  const { query } = exchange;
  const detachKeys = parseDetachKeys(query.text("detachKeys") ?? DEFAULT_DETACH_KEYS);
  const input = query.flag("stdin") && settings?.openStdin === true;
  const connection = hijack(exchange, tty, input);
  return new SessionClient(connection, {
    tty,
    input,
    output: query.flag("stdout"),
    errorOutput: query.flag("stderr"),
    detachKeys,
    leavesAtEndOfInput: tty || settings?.stdinOnce !== true,
  });
}

/** In dockerd's words. */
function refuseUnlessAttachable({ record, state }: KnownContainer): void {
  if (state.status === "paused")
    throw new ApiError(409, `container ${record.id} is paused, unpause the container before attach`);
  if (state.status === "restarting")
    throw new ApiError(409, `container ${record.id} is restarting, wait until the container is running`);
}
