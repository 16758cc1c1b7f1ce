import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { X509Certificate } from "node:crypto";
import { Endpoint, readTls, type TlsFiles } from "../../../src/endpoint/index.ts";
import { CERTIFICATE_FILES as FILES, makeCertificates } from "../../../src/endpoint/tls/make-certificates.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { FakeContainers } from "../../support/endpoint/fake-containers.ts";
import { NO_LOG } from "../../support/endpoint/served.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const { signal } = new AbortController();

describe("TCP with TLS", function () {
  this.timeout(20_000);
  const folder = useTemporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const files = (): TlsFiles => ({
    authority: at(FILES.authority),
    certificate: at(FILES.server),
    key: at(FILES.serverKey),
  });
  const make = (hosts: readonly string[] = ["localhost", "127.0.0.1"]): Promise<void> =>
    makeCertificates({ folder: folder.path, hosts, signal });
  const certificate = (name: string): X509Certificate => new X509Certificate(readFileSync(at(name)));

  async function open(): Promise<{ readonly endpoint: Endpoint; readonly port: number }> {
    const { execution } = new FakeContainers(folder.path);
    const parts = { execution, root: folder.path, version: "1", log: NO_LOG, tls: readTls(files()) };
    const endpoint = await Endpoint.open(parts, [{ kind: "tcp", host: "127.0.0.1", port: 0 }]);
    return { endpoint, port: Number(/:(\d+)$/.exec(endpoint.addresses[0] ?? "")?.[1]) };
  }

  /** Everything that is answered to a request whose sender has no more to say. */
  async function ask(port: number, options: ConnectionOptions): Promise<string> {
    const socket: TLSSocket = connect({ host: "127.0.0.1", port, servername: "localhost", ...options });
    await once(socket, "secureConnect");
    socket.end("GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return readText(socket);
  }

  /** The handshake fails, or the connection ends behind it: TLS 1.3 tells a client late. */
  async function refuses(port: number, options: ConnectionOptions): Promise<void> {
    assert.equal(await ask(port, options).catch(() => ""), "");
  }

  it("answers who has a certificate of its authority's, and nobody else", async () => {
    await make();
    const ca = readFileSync(at(FILES.authority));
    const [cert, key] = [readFileSync(at(FILES.client)), readFileSync(at(FILES.clientKey))];
    const { endpoint, port } = await open();
    await using _endpoint = endpoint;
    assert.match(await ask(port, { ca, cert, key }), /^HTTP\/1\.1 200 OK\r\n[^]*\r\nOK$/);
    await refuses(port, { ca });
    const [ownCert, ownKey] = [readFileSync(at(FILES.server)), readFileSync(at(FILES.serverKey))];
    // It is the authority's, and no client's.
    await refuses(port, { ca, cert: ownCert, key: ownKey });
    await refuses(port, { ca, cert, key, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" });
    await assert.rejects(ask(port, { ca, cert, key, servername: "elsewhere" }), /does not match/);
    rmSync(at(FILES.authority));
    rmSync(at(FILES.authorityKey));
    await make();
    const stranger = { cert: readFileSync(at(FILES.client)), key: readFileSync(at(FILES.clientKey)) };
    await refuses(port, { ca, ...stranger });
  });

  it("has certificates for all names of the machine, which only their owner can use", async () => {
    await make(["box.example", "*.box.example", "192.0.2.7", "2001:db8::7"]);
    assert.equal(
      certificate(FILES.server).subjectAltName,
      "DNS:box.example, DNS:*.box.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7",
    );
    for (const name of [FILES.authorityKey, FILES.serverKey, FILES.clientKey])
      assert.equal(statSync(at(name)).mode & 0o777, 0o600, name);
    assert.ok(certificate(FILES.authority).ca);
    assert.ok(!certificate(FILES.server).ca && !certificate(FILES.client).ca);
  });

  it("keeps its authority when certificates are made anew", async () => {
    await make();
    const [authority, server] = [certificate(FILES.authority), certificate(FILES.server)];
    await make();
    assert.equal(certificate(FILES.authority).fingerprint256, authority.fingerprint256);
    assert.notEqual(certificate(FILES.server).fingerprint256, server.fingerprint256);
    assert.ok(certificate(FILES.server).verify(authority.publicKey));
  });

  it("is made for hosts only, and by a whole authority", async () => {
    for (const host of ["", "a b", "a,IP:1.2.3.4", "-x", "x\nDNS:y", "a".repeat(64)])
      await assert.rejects(make([host]), catalogueError("invalid-option", /--host .*neither/s));
    await make();
    rmSync(at(FILES.authorityKey));
    await assert.rejects(make(), catalogueError("invalid-option", /ca-key\.pem .*missing/));
  });

  it("names the file that is missing, or does not fit", async () => {
    await make();
    const broken = at("broken");
    writeFileSync(broken, "no certificate");
    const cases: ReadonlyArray<readonly [Partial<TlsFiles>, RegExp]> = [
      [{ authority: at("gone") }, /--tlscacert: .*no such file.*gone/],
      [{ authority: broken }, /--tlscacert .*broken/],
      [{ certificate: broken }, /--tlscert .*broken/],
      [{ key: broken }, /--tlskey .*broken/],
      [{ key: at(FILES.clientKey) }, /--tlskey .*key\.pem with --tlscert .*mismatch/],
    ];
    for (const [changed, message] of cases)
      assert.throws(() => readTls({ ...files(), ...changed }), catalogueError("invalid-option", message));
  });
});
