import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { takeInheritedSocket } from "../../../src/endpoint/inherited-socket.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const VCH = fileURLToPath(new URL("../../../bin/vch", import.meta.url));

describe("a socket that systemd has opened", function () {
  this.timeout(20_000);
  const folder = useTemporaryFolder();
  let server: Server;
  let child: ChildProcess | undefined;
  afterEach(async () => {
    server.close();
    if (child?.exitCode === null) {
      child.kill();
      await once(child, "exit");
    }
  });

  /** As systemd does it: the socket is descriptor 3, and LISTEN_PID the process's own. */
  async function serveOn(listening: Server, at: string | { readonly port: number; readonly host: string }) {
    server = listening;
    await new Promise<void>((resolve) => server.listen(at, resolve));
    const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
    const script = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" serve -H fd://';
    const started = spawn("sh", ["-c", script, VCH], {
      stdio: ["ignore", "pipe", "pipe", fd],
      env: { ...process.env, VCH_STATE: join(folder.path, "state") },
    });
    child = started;
    return started;
  }

  it("is served, and stays when the endpoint ends", async () => {
    const path = join(folder.path, "api.sock");
    const started = await serveOn(createServer(), path);
    const [line] = (await once(started.stdout ?? started, "data")) as [Buffer];
    assert.equal(line.toString(), `export DOCKER_HOST=unix://${path}\n`);
    const asked = request({ socketPath: path, path: "/_ping" }).end();
    const [answer] = (await once(asked, "response")) as [NodeJS.ReadableStream];
    assert.equal(await text(answer), "OK");
    started.kill("SIGTERM");
    assert.deepEqual(await once(started, "exit"), [0, null]);
    assert.ok(existsSync(path));
  });

  it("is a Unix socket: one of TCP would be served without TLS", async () => {
    const started = await serveOn(createServer(), { port: 0, host: "127.0.0.1" });
    const said = text(started.stderr ?? process.stdin);
    assert.notEqual((await once(started, "exit"))[0], 0);
    assert.match(await said, /^vch: -H fd:\/\/: what was handed over is no Unix socket/m);
  });

  it("is one, and this process's", () => {
    const refused = (environment: NodeJS.ProcessEnv, message: RegExp): void =>
      assert.throws(() => takeInheritedSocket(environment, 7), catalogueError("usage", message));
    refused({}, /no socket/);
    refused({ LISTEN_PID: "8", LISTEN_FDS: "1" }, /no socket/);
    refused({ LISTEN_PID: "7", LISTEN_FDS: "2" }, /2 sockets/);
    const environment = { LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "x", PATH: "/bin" };
    assert.equal(takeInheritedSocket(environment, 7), 3);
    assert.deepEqual(environment, { PATH: "/bin" });
  });
});
