import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Execution } from "../../portlayer/execution/index.ts";
import {
  copyFromContainer,
  copyToContainer,
  exportFromContainer,
  statInContainer,
} from "../../portlayer/interaction/archive.ts";
import { toBytes } from "../../protocol/archive/index.ts";
import { type PathStatus, toGoFileMode } from "../../protocol/archive-commands.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { ApiError } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";

/** Files of containers, as tar archives. */
export function archiveRoutes(execution: Execution): Route[] {
  const path = "/containers/{id}/archive";
  return [
    { method: "HEAD", path, answer: (exchange) => stat(execution, exchange) },
    { method: "GET", path, answer: (exchange) => copyOut(execution, exchange) },
    { method: "PUT", path, answer: (exchange) => copyIn(execution, exchange) },
    { method: "GET", path: "/containers/{id}/export", answer: (exchange) => exportAll(execution, exchange) },
    { method: "GET", path: "/containers/{id}/changes", answer: (exchange) => changes(execution, exchange) },
  ];
}

async function stat(execution: Execution, exchange: Exchange): Promise<void> {
  const path = pathOf(exchange);
  const id = exchange.parameter("id");
  await using files = await execution.openFiles(id, exchange.signal);
  const status = await statInContainer(files.connection, path).catch(inWords(path, id));
  exchange.empty(200, describeStatus(status));
}

async function copyOut(execution: Execution, exchange: Exchange): Promise<void> {
  const path = pathOf(exchange);
  const id = exchange.parameter("id");
  await using files = await execution.openFiles(id, exchange.signal);
  const { status, archive } = await copyFromContainer(files.connection, path).catch(inWords(path, id));
  execution.tell(execution.containers.find(id), "archive-path", { path });
  const headers = { "Content-Type": "application/x-tar", ...describeStatus(status) };
  // What goes wrong from here on cuts the answer off, so that it is not taken for whole.
  await pipeline(Readable.from(archive), exchange.begin(200, headers), { signal: exchange.signal });
}

/** All that is on the container's own disk. */
async function exportAll(execution: Execution, exchange: Exchange): Promise<void> {
  await using files = await execution.openFiles(exchange.parameter("id"), exchange.signal);
  const archive = await exportFromContainer(files.connection);
  execution.tell(execution.containers.find(exchange.parameter("id")), "export");
  // dockerd's type of it.
  const response = exchange.begin(200, { "Content-Type": "application/octet-stream" });
  await pipeline(Readable.from(archive), response, { signal: exchange.signal });
}

async function changes(execution: Execution, exchange: Exchange): Promise<void> {
  const found = await execution.changes(exchange.parameter("id"), exchange.signal);
  exchange.json(
    200,
    found.map(({ path, kind }) => ({ Path: toBytes(path).toString("utf8"), Kind: kind })),
  );
}

async function copyIn(execution: Execution, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const path = pathOf(exchange);
  const id = exchange.parameter("id");
  await using files = await execution.openFiles(id, exchange.signal);
  await copyToContainer(files.connection, path, exchange.request, {
    keepsDirectories: query.flag("noOverwriteDirNonDir"),
    asContainerUser: query.flag("copyUIDGID"),
  }).catch(inWords(path, id));
  execution.tell(execution.containers.find(id), "extract-to-dir", { path });
  exchange.empty(200);
}

function pathOf({ query }: Exchange): string {
  const path = query.text("path");
  if (path === undefined) throw new ApiError(400, "bad parameter: 'path' cannot be empty");
  return path.startsWith("/") ? path : `/${path}`;
}

function inWords(path: string, id: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof TetherError && error.code === "file-not-found")
      throw new ApiError(404, `Could not find the file ${path} in container ${id}`);
    throw error;
  };
}

function describeStatus({ name, size, mode, modifiedNs, linkTarget }: PathStatus): Record<string, string> {
  const status = { name, size, mode: toGoFileMode(mode), mtime: formatTime(BigInt(modifiedNs)), linkTarget };
  return { "X-Docker-Container-Path-Stat": Buffer.from(JSON.stringify(status)).toString("base64") };
}

const NANOS = 1_000_000_000n;

/** RFC 3339 with as many digits as there are. What no calendar has is its beginning. */
function formatTime(nanoseconds: bigint): string {
  const fraction = ((nanoseconds % NANOS) + NANOS) % NANOS;
  const date = new Date(Number((nanoseconds - fraction) / 1_000_000n));
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) return "0001-01-01T00:00:00Z";
  const digits = fraction === 0n ? "" : `.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
  return `${date.toISOString().slice(0, 19)}${digits}Z`;
}
