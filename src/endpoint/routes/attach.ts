import { isUp, type KnownContainer } from "../../portlayer/execution/index.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../../portlayer/interaction/index.ts";
import { ApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { type Connection, hijack } from "../http/hijack.ts";
import type { Route } from "../http/router.ts";
import { acceptWebSocket } from "../http/web-socket.ts";
import { SessionClient } from "../sessions/client.ts";
import { replay } from "../sessions/replay.ts";
import type { Parts } from "./parts.ts";

/** How a client's connection is taken over. */
interface Way {
  readonly take: (exchange: Exchange, tty: boolean, needsInput: boolean) => Connection;
  /** Standard output and error output are told apart, as far as there is no terminal. */
  readonly isFramed: boolean;
}

const HIJACK: Way = { take: hijack, isFramed: true };

/** Docker's carries both outputs as they come. */
const WEB_SOCKET: Way = { take: acceptWebSocket, isFramed: false };

/** Attaching to a container's process. */
export function attachRoutes(parts: Parts): Route[] {
  return [
    {
      method: "POST",
      path: "/containers/{id}/attach",
      answer: async (exchange) => {
        // It has none: what follows the request's head is input.
        await exchange.body();
        await attach(parts, exchange, HIJACK);
      },
    },
    {
      method: "GET",
      path: "/containers/{id}/attach/ws",
      answer: (exchange) => attach(parts, exchange, WEB_SOCKET),
    },
  ];
}

/** `logs` gives what the process has printed so far, `stream` what it prints from then on. */
async function attach({ execution, sessions }: Parts, exchange: Exchange, way: Way): Promise<void> {
  const { query } = exchange;
  const known = await execution.look(exchange.parameter("id"));
  const { id, settings } = known.record;
  const [replays, streams] = [query.flag("logs"), query.flag("stream")];
  if (replays && settings?.log.isDisabled === true)
    throw new ApiError(501, "configured logging driver does not support reading");
  if (streams) refuseUnlessAttachable(known);
  if (streams && !sessions.hasRoom(id))
    throw new ApiError(503, "too many clients wait for this container's start");
  const client = takeOver(exchange, known, way);
  const log = (follows: boolean) => (signal: AbortSignal) => execution.logs(id, { follows, signal });
  if (streams && isUp(known.state)) {
    await sessions.follow(known, client, replays ? log(true) : undefined);
    return;
  }
  if (replays) await replay(log(false)(client.left), client);
  if (!streams) {
    await client.end();
    return;
  }
  // It may have been started while its log was sent.
  const now = await execution.look(id);
  if (isUp(now.state)) await sessions.follow(now, client);
  else await sessions.wait(id, client);
}

function takeOver(
  exchange: Exchange,
  { record: { settings, tty } }: KnownContainer,
  { take, isFramed }: Way,
): SessionClient {
  const { query } = exchange;
  const detachKeys = parseDetachKeys(query.text("detachKeys") ?? DEFAULT_DETACH_KEYS);
  const input = query.flag("stream") && query.flag("stdin") && settings?.openStdin === true;
  return new SessionClient(take(exchange, tty, input), {
    tty,
    framed: isFramed && !tty,
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
