import { isAbsolute } from "node:path";
import { TetherError } from "../protocol/errors/index.ts";

/** Where the endpoint listens. */
export type EndpointAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A Unix socket that systemd has opened. */
  | { readonly kind: "inherited" };

/** sun_path, unix(7), with its NUL. */
const MOST_PATH_BYTES = 107;

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

/** How TCP is protected. Plain is let on the loopback only, where every user of this machine can use it. */
export type TcpProtection = "tls" | "plain" | "none";

/**
 * Reads `unix://PATH`, `tcp://ADDRESS:PORT` or `fd://`.
 *
 * @param protection what was chosen for TCP; with none there is no TCP.
 * @throws TetherError `usage`.
 */
export function parseEndpointAddress(text: string, protection: TcpProtection): EndpointAddress {
  if (text === "fd://") return { kind: "inherited" };
  const path = /^unix:\/\/(.+)$/s.exec(text)?.[1];
  if (path !== undefined) return unixAddress(text, path);
  const [, bracketed, plain, port = ""] =
    /^tcp:\/\/(?:\[([0-9a-fA-F:]+)\]|([^:/\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new TetherError("usage", `-H ${text}: unix://PATH, tcp://ADDRESS:PORT or fd:// is needed`);
  if (protection !== "tls") refusePlain(text, host, protection);
  return { kind: "tcp", host, port: Number(port) };
}

function refusePlain(text: string, host: string, protection: "plain" | "none"): void {
  if (!LOOPBACK.has(host))
    throw new TetherError(
      "usage",
      `-H ${text}: whoever reaches it could run containers: --tlsverify is needed (vch certs makes what it needs)`,
    );
  if (protection === "none")
    throw new TetherError(
      "usage",
      `-H ${text}: every user of this machine could run containers there, as its user: --tlsverify keeps them out, --allow-plain-tcp says that this is wanted`,
    );
}

function unixAddress(text: string, path: string): EndpointAddress {
  if (!isAbsolute(path)) throw new TetherError("usage", `-H ${text}: the socket's path has to be absolute`);
  if (Buffer.byteLength(path) > MOST_PATH_BYTES)
    throw new TetherError("usage", `-H ${text}: the socket's path is longer than ${MOST_PATH_BYTES} bytes`);
  return { kind: "unix", path };
}

/** What `docker` understands: an address as it is listened on. */
export function formatAddress(address: EndpointAddress, port: number | undefined): string {
  if (address.kind === "inherited") return "fd://";
  if (address.kind === "unix") return `unix://${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `tcp://${host}:${port ?? address.port}`;
}
