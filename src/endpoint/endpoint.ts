import { join } from "node:path";
import { ENDPOINT_LOCK, type Execution, ProcessLock, type StartKind } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { ApiServer } from "./http/api-server.ts";
import type { Log } from "./http/log.ts";
import { Router } from "./http/router.ts";
import type { EndpointAddress } from "./listen-address.ts";
import { listenOn } from "./listen.ts";
import { EndpointMetrics } from "./metrics/endpoint-metrics.ts";
import type { Tls } from "./tls/read-tls.ts";
import { RestartWatch } from "./restart-watch.ts";
import { freeBytesAt, RoomWatch } from "./room-watch.ts";
import { allRoutes } from "./routes/index.ts";
import { Execs } from "./sessions/execs.ts";
import { Sessions } from "./sessions/sessions.ts";

/** What is being answered when the endpoint ends has so long. */
const CLOSE_LIMIT_MS = 5_000;

/** What an endpoint is made of. */
export interface EndpointParts {
  readonly execution: Execution;
  /** The state folder: one endpoint each. */
  readonly root: string;
  readonly version: string;
  /** How the containers that it makes start; the default is `forked`. */
  readonly start?: StartKind;
  readonly log: Log;
  /** For TCP; undefined: it is plain. */
  readonly tls?: Tls | undefined;
}

/** Docker's API over the container VMs of one state folder, until it is disposed of: they go on. */
export class Endpoint implements AsyncDisposable {
  /** Where it listens, as `docker` understands it. */
  readonly addresses: readonly string[];
  readonly #server: ApiServer;
  readonly #sessions: Sessions;
  readonly #execs: Execs;
  readonly #room: RoomWatch;
  readonly #restarts: RestartWatch;
  readonly #lock: ProcessLock;

  private constructor(parts: {
    readonly addresses: readonly string[];
    readonly server: ApiServer;
    readonly sessions: Sessions;
    readonly execs: Execs;
    readonly room: RoomWatch;
    readonly restarts: RestartWatch;
    readonly lock: ProcessLock;
  }) {
    this.addresses = parts.addresses;
    this.#server = parts.server;
    this.#sessions = parts.sessions;
    this.#execs = parts.execs;
    this.#room = parts.room;
    this.#restarts = parts.restarts;
    this.#lock = parts.lock;
  }

  /** @throws TetherError `conflict` when the state folder has an endpoint, `invalid-option` for an address. */
  static async open(
    { execution, root, version, start = "forked", log, tls }: EndpointParts,
    addresses: readonly EndpointAddress[],
  ): Promise<Endpoint> {
    const lock = ProcessLock.try(join(root, ENDPOINT_LOCK));
    if (lock === undefined)
      throw new TetherError("conflict", `another vch serve has the state folder ${root}`);
    const sessions = new Sessions(execution, log);
    const execs = new Execs(execution);
    const metrics = new EndpointMetrics();
    const router = new Router(allRoutes({ execution, sessions, execs, metrics, version, root, start }));
    const server = new ApiServer({ router, log, metrics, version });
    try {
      sessions.adopt();
      const listening: string[] = [];
      for (const address of addresses) {
        const listener = server.addListener(address.kind === "tcp" ? tls : undefined);
        listening.push(await listenOn(listener, address));
      }
      const room = new RoomWatch({ execution, root, log, freeBytes: () => freeBytesAt(root) });
      const restarts = new RestartWatch({ execution, log });
      return new Endpoint({ addresses: listening, server, sessions, execs, room, restarts, lock });
    } catch (error) {
      await server.close(0);
      lock[Symbol.dispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#room[Symbol.dispose]();
    await this.#restarts[Symbol.asyncDispose]();
    await this.#sessions.close();
    this.#execs.close();
    await this.#server.close(CLOSE_LIMIT_MS);
    this.#lock[Symbol.dispose]();
  }
}
