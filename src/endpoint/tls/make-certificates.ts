import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { runTool, ToolError, type ToolRunner } from "../../portlayer/storage/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";

/** Docker's names of what a client needs (DOCKER_CERT_PATH), and what `vch serve` does. */
export const CERTIFICATE_FILES = {
  authority: "ca.pem",
  authorityKey: "ca-key.pem",
  server: "server-cert.pem",
  serverKey: "server-key.pem",
  client: "cert.pem",
  clientKey: "key.pem",
} as const;

const AUTHORITY_DAYS = 3650;
/** Clients of Apple's take none that are valid for longer. */
const CERTIFICATE_DAYS = 825;

/** RFC 1123, and a first label that stands for any. */
const HOST_NAME =
  /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const LONGEST_HOST_NAME = 253;

/** openssl's own would make an authority of each. */
const CONFIGURATION = "[req]\ndistinguished_name = name\n[name]\n";

/** What certificates are made for. */
export interface CertificateRequest {
  /** Is made; an authority in it stays. */
  readonly folder: string;
  /** Names and addresses under which clients know the endpoint. */
  readonly hosts: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Makes an authority, if the folder has none, and by it a certificate for `vch serve` and one for its clients, in place of
 * those that are there. Files appear whole; keys are the owner's alone.
 *
 * @throws TetherError `invalid-option` for a host that is none, or when it cannot be made.
 */
export async function makeCertificates(
  request: CertificateRequest,
  run: ToolRunner = runTool,
): Promise<void> {
  const { folder, hosts } = request;
  const names = hosts.map(alternativeName).join(",");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(folder, ".new-"));
  try {
    await make({ ...request, work, names }, run);
  } catch (error) {
    if (error instanceof ToolError) throw new TetherError("invalid-option", `openssl: ${error.message}`);
    throw TetherError.from(error, "invalid-option", `making certificates in ${folder}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Work extends CertificateRequest {
  /** Where files are until they are whole. */
  readonly work: string;
  readonly names: string;
}

async function make(request: Work, run: ToolRunner): Promise<void> {
  const { folder, work, names, hosts } = request;
  const { authority, authorityKey, server, serverKey, client, clientKey } = CERTIFICATE_FILES;
  await writeFile(join(work, "configuration"), CONFIGURATION);
  const sign = async (certificate: string, key: string, options: readonly string[]): Promise<void> => {
    await run("openssl", requestArguments(work, certificate, key, options), { signal: request.signal });
    // The key first: a certificate without one is of no use.
    await chmod(join(work, key), 0o600);
    await rename(join(work, key), join(folder, key));
    await rename(join(work, certificate), join(folder, certificate));
  };
  const isThere = [authority, authorityKey].map((name) => existsSync(join(folder, name)));
  if (isThere[0] !== isThere[1])
    throw new Error(`${authority} and ${authorityKey} belong together, and one of them is missing`);
  if (!isThere[0]) await sign(authority, authorityKey, AUTHORITY);
  const by = ["-CA", join(folder, authority), "-CAkey", join(folder, authorityKey)];
  const leaf = [...by, ...LEAF];
  const subject = ["-subj", `/CN=${hosts[0] ?? "vch"}`];
  const alternatives = names === "" ? [] : ["-addext", `subjectAltName=${names}`];
  await sign(server, serverKey, [
    ...leaf,
    ...subject,
    ...alternatives,
    "-addext",
    "extendedKeyUsage=serverAuth",
  ]);
  await sign(client, clientKey, [...leaf, "-subj", "/CN=client", "-addext", "extendedKeyUsage=clientAuth"]);
}

const AUTHORITY = [
  ...["-subj", "/CN=vch authority", "-days", String(AUTHORITY_DAYS)],
  ...["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
];

const LEAF = [
  ...["-days", String(CERTIFICATE_DAYS)],
  ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"],
];

/** openssl-req(1). */
function requestArguments(
  work: string,
  certificate: string,
  key: string,
  options: readonly string[],
): string[] {
  return [
    ...["req", "-x509", "-config", join(work, "configuration"), "-newkey", "ec", "-noenc"],
    ...["-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", join(work, key), "-out", join(work, certificate)],
    ...options,
  ];
}

function alternativeName(host: string): string {
  if (isIP(host) !== 0) return `IP:${host}`;
  if (HOST_NAME.test(host) && host.length <= LONGEST_HOST_NAME) return `DNS:${host}`;
  throw new TetherError(
    "invalid-option",
    `--host ${JSON.stringify(host)}: neither a host name nor an address`,
  );
}
