import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../../portlayer/interaction/index.ts";
import { ApiError, notBuilt, toApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { hijack } from "../http/hijack.ts";
import type { Route } from "../http/router.ts";
import { readExecRequest, readExecStart } from "../requests/exec-request.ts";
import { SessionClient } from "../sessions/client.ts";
import type { Exec } from "../sessions/execs.ts";
import { readSize } from "./life.ts";
import type { Parts } from "./parts.ts";

/** Executing processes in running containers. */
export function execRoutes(parts: Parts): Route[] {
  return [
    { method: "POST", path: "/containers/{id}/exec", answer: (exchange) => make(parts, exchange) },
    { method: "POST", path: "/exec/{id}/start", answer: (exchange) => start(parts, exchange) },
    {
      method: "POST",
      path: "/exec/{id}/resize",
      answer: (exchange) => {
        // Before its start, too: the size is kept for it.
        parts.execs.find(exchange.parameter("id")).terminal?.resize(readSize(exchange.query));
        exchange.empty(200);
      },
    },
    {
      method: "GET",
      path: "/exec/{id}/json",
      answer: (exchange) => exchange.json(200, describe(parts.execs.find(exchange.parameter("id")))),
    },
  ];
}

async function make({ execution, execs }: Parts, exchange: Exchange): Promise<void> {
  const { record, state } = await execution.look(exchange.parameter("id"));
  const settings = readExecRequest(await exchange.body(), record.id);
  parseDetachKeys(settings.detachKeys || DEFAULT_DETACH_KEYS);
  if (state.status === "paused")
    throw new ApiError(
      409,
      `Container ${exchange.parameter("id")} is paused, unpause the container before exec`,
    );
  if (state.status === "restarting")
    throw new ApiError(409, `Container ${record.id} is restarting, wait until the container is running`);
  if (state.status !== "running") throw new ApiError(409, `container ${record.id} is not running`);
  exchange.json(201, { Id: execs.make(settings, undefined).id });
}

async function start({ execution, execs }: Parts, exchange: Exchange): Promise<void> {
  const exec = execs.find(exchange.parameter("id"));
  const { isDetached, size } = readExecStart(await exchange.body());
  if (exec.state !== "made") throw new ApiError(409, `exec ${exec.id} has already been started`);
  const { state } = await execution.look(exec.containerId);
  if (state.status !== "running") throw new ApiError(409, `Container ${exec.containerId} is not running`);
  if (size !== undefined) exec.terminal?.resize(size);
  if (isDetached) await startDetached(execs, exec, exchange);
  else await startAttached(execs, exec, exchange);
}

async function startDetached(execs: Parts["execs"], exec: Exec, exchange: Exchange): Promise<void> {
  if (exec.request.openStdin) throw notBuilt("a detached exec with standard input");
  const started = Promise.withResolvers<void>();
  execs.start(exec, undefined, () => started.resolve()).then(() => started.resolve(), started.reject);
  await started.promise;
  exchange.empty(200);
}

/** What keeps the process from running is told on its error output, as dockerd does once the connection is taken over. */
async function startAttached(execs: Parts["execs"], exec: Exec, exchange: Exchange): Promise<void> {
  const { request, attachesOutput, attachesErrorOutput, detachKeys } = exec;
  const client = new SessionClient(hijack(exchange, request.tty, request.openStdin), {
    tty: request.tty,
    framed: !request.tty,
    input: request.openStdin,
    output: attachesOutput,
    errorOutput: attachesErrorOutput,
    detachKeys: parseDetachKeys(detachKeys || DEFAULT_DETACH_KEYS),
    leavesAtEndOfInput: false,
  });
  try {
    await execs.start(exec, client, () => {});
  } catch (error) {
    const { message } = toApiError(error);
    exchange.log.info({ exec: exec.id }, message);
    const output = request.tty ? client.output : client.errorOutput;
    await new Promise<void>((resolve) => {
      output.write(`${message}\r\n`, () => resolve());
    });
  }
  await client.end();
}

function describe({ id, request, containerId, state, exitCode, detachKeys, ...exec }: Exec): object {
  const [entrypoint = "", ...args] = request.command;
  return {
    ID: id,
    Running: state === "running",
    ExitCode: exitCode ?? null,
    ProcessConfig: {
      tty: request.tty,
      entrypoint,
      arguments: args,
      privileged: request.privileged,
      ...(request.user === undefined ? {} : { user: request.user }),
    },
    OpenStdin: request.openStdin,
    OpenStderr: exec.attachesErrorOutput,
    OpenStdout: exec.attachesOutput,
    CanRemove: state === "ended",
    ContainerID: containerId,
    DetachKeys: Buffer.from(detachKeys).toString("base64"),
    // As `docker top` shows it: this machine has no such process.
    Pid: exec.pid,
  };
}
