import assert from "node:assert/strict";
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { takeInheritedSocket } from "../../../src/endpoint/inherited-socket.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const VCH = fileURLToPath(new URL("../../../bin/vch", import.meta.url));

/**
 * As systemd does it: the socket is descriptor 3, and LISTEN_PID the process's own. Perl, as Node would accept
 * connections by itself on a socket that it listens on.
 */
const HAND_OVER = `
  use POSIX ();
  use Socket;
  $^F = 10;
  my ($path, @command) = @ARGV;
  my $domain = $path eq "" ? PF_INET : PF_UNIX;
  socket(my $socket, $domain, SOCK_STREAM, 0) or die "socket: $!";
  bind($socket, $path eq "" ? sockaddr_in(0, INADDR_LOOPBACK) : sockaddr_un($path)) or die "bind: $!";
  listen($socket, 5) or die "listen: $!";
  POSIX::dup2(fileno($socket), 3) or die "dup2: $!";
  @ENV{"LISTEN_FDS", "LISTEN_PID"} = (1, $$);
  exec @command or die "exec: $!";`;

describe("a socket that systemd has opened", function () {
  this.timeout(20_000);
  const folder = useTemporaryFolder();
  let child: ChildProcess | undefined;
  afterEach(async () => {
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill();
      await once(child, "exit");
    }
  });

  /** @param path of a Unix socket; empty: a socket of TCP. */
  const serveOn = (path: string): ChildProcessByStdio<null, Readable, Readable> => {
    const started = spawn("perl", ["-e", HAND_OVER, path, VCH, "serve", "-H", "fd://"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, VCH_STATE: join(folder.path, "state") },
    });
    child = started;
    return started;
  };

  it("is served, and stays when the endpoint ends", async () => {
    const path = join(folder.path, "api.sock");
    const started = serveOn(path);
    const [line] = (await once(started.stdout, "data")) as [Buffer];
    assert.equal(line.toString(), `export DOCKER_HOST=unix://${path}\n`);
    const asked = request({ socketPath: path, path: "/_ping" }).end();
    const [answer] = (await once(asked, "response")) as [NodeJS.ReadableStream];
    assert.equal(await text(answer), "OK");
    started.kill("SIGTERM");
    assert.deepEqual(await once(started, "exit"), [0, null]);
    assert.ok(existsSync(path));
  });

  it("is a Unix socket: one of TCP would be served without TLS", async () => {
    const started = serveOn("");
    const said = text(started.stderr);
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
