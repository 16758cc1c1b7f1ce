import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { type ClientChannel, Client as SshClient } from "ssh2";
import type { Event } from "../../../src/protocol/control-messages.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { readProcesses, type Session } from "../../../src/session/index.ts";
import { CollectingSink } from "../../support/collecting-sink.ts";
import { type NativeContainer, useNativeContainers, words } from "../../support/native-container.ts";
import { type Finished, sshArguments, type SshOptions } from "../../support/openssh.ts";
import { ServedGuest } from "../../support/served-guest.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const MEBIBYTE = 1024 * 1024;

interface ClientOptions extends SshOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly program?: "ssh" | "sftp";
  /** Runs in a terminal of this size. */
  readonly window?: { readonly columns: number; readonly rows: number };
}

/** A client that runs. */
interface Client {
  readonly session: Session;
  readonly output: CollectingSink;
  readonly errorOutput: CollectingSink;
  readonly keys: PassThrough;
}

// The judge is Debian's own client; the container is this machine, whose users these are.
describe("plain SSH", () => {
  const make = useNativeContainers();
  const folder = useTemporaryFolder();
  let container: NativeContainer;
  let guest: ServedGuest;
  /** Where the clients run, with terminals where they want one. */
  let judge: NativeContainer;
  const closing: Array<() => void> = [];

  beforeEach(async () => {
    container = make({ main: { environment: [Buffer.from("FROM=main"), Buffer.from("LANG=C")] } });
    judge = make();
    guest = new ServedGuest(container);
    for (const each of [container, judge]) await each.event(({ started }) => Boolean(started));
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) close();
    await guest[Symbol.asyncDispose]();
  });

  const startSsh = (args: readonly string[], options: ClientOptions = {}): Client => {
    const { program = "ssh", environment = {}, window, input } = options;
    const session = judge.exec({
      args: words(`/usr/bin/${program}`, ...sshArguments(guest, options), ...args),
      environment: Object.entries(environment).map((each) => Buffer.from(each.join("="))),
      openStdin: true,
      tty: window !== undefined,
      window,
    });
    const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
    session.attach({ output, errorOutput, outputOffset: 0, errorOutputOffset: 0, kind: "hold" });
    const keys = new PassThrough();
    session.input.attach(keys, () => true);
    if (input !== undefined) keys.end(input);
    return { session, output, errorOutput, keys };
  };
  const ssh = async (args: readonly string[], options: ClientOptions = {}): Promise<Finished> => {
    const { session, output, errorOutput } = startSsh(args, { input: "", ...options });
    const outcome = await session.outcome;
    if (outcome instanceof TetherError) throw outcome;
    await Promise.all([output.ended, errorOutput.ended]);
    return { status: outcome.code, output: output.bytes, errorOutput: errorOutput.text };
  };
  const outputOf = async (...args: string[]): Promise<string> => (await ssh(args)).output.toString();
  const execs = (): Event[] => container.events.after(0).filter(({ execCreated }) => Boolean(execCreated));
  /** An ordinary client, for what OpenSSH's cannot be made to do. */
  const dial = async (username: string): Promise<SshClient> => {
    const client = new SshClient();
    client.on("error", () => {});
    const privateKey = guest.keys.clientPrivateKey;
    client.connect({ sock: connect(guest.path), username, privateKey, hostVerifier: () => true });
    closing.push(() => client.destroy());
    await once(client, "ready");
    return client;
  };
  const open = (begin: (done: (error: Error | undefined, channel: ClientChannel) => void) => void) =>
    new Promise<ClientChannel>((resolve, reject) => {
      begin((error, channel) => (error === undefined ? resolve(channel) : reject(error)));
    });
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  it("runs a command: its input, both outputs and status are its own", async () => {
    const { status, output, errorOutput } = await ssh(["root@guest", "cat; echo error >&2; exit 42"], {
      input: "input",
    });
    assert.deepEqual(
      { status, output: output.toString(), errorOutput },
      { status: 42, output: "input", errorOutput: "error\n" },
    );
  });

  it("runs it by the user's own shell, in his home, as himself", async () => {
    assert.equal(
      await outputOf("nobody@guest", "id -un; echo $USER $LOGNAME; pwd").then((each) => each.split("\n")[0]),
      // Nobody's shell lets nobody in.
      "This account is currently not available.",
    );
    assert.equal(
      await outputOf("root@guest", 'id -un; echo "$USER $LOGNAME $HOME $SHELL $FROM"; pwd'),
      "root\nroot root /root /bin/bash main\n/root\n",
    );
    assert.equal(await outputOf("1234@guest", "id -u; pwd"), "1234\n/\n");
  });

  it("has a clear word for a user that does not exist, and goes on", async () => {
    const { status, output, errorOutput } = await ssh(["stranger@guest", "true"]);
    assert.deepEqual([status, output.length], [255, 0]);
    assert.match(errorOutput, /^unable to find user stranger: .*\n$/);
    assert.equal(await outputOf("root@guest", "echo on"), "on\n");
  });

  it("says when the container is paused", async () => {
    await container.sessions.pause();
    assert.match((await ssh(["root@guest", "true"])).errorOutput, /container is paused/);
    container.sessions.unpause();
  });

  it("ends as ssh does when a signal ended the command", async () => {
    assert.equal((await ssh(["root@guest", "kill -TERM $$"])).status, 255);
    const client = await dial("root");
    const channel = await open((done) => client.exec("kill -RTMIN $$", done));
    channel.resume();
    const [code, signal] = (await once(channel, "exit")) as [number | null, string];
    assert.deepEqual([code, signal], [null, "SIG34"]);
  });

  it("opens a shell, with and without a terminal", async () => {
    const { status, output } = await ssh(["root@guest"], { input: "echo $((6 * 7)); tty; exit 3\n" });
    assert.deepEqual([status, output.toString()], [3, "42\nnot a tty\n"]);
    const terminal = await ssh(["-tt", "root@guest"], { input: "echo $((6 * 7)); tty; stty size; exit 4\n" });
    assert.equal(terminal.status, 4);
    assert.match(terminal.output.toString(), /\r42\r\n\/dev\/pts\/\d+\r\n24 80\r\n/);
  });

  it("takes the client's terminal: its size, each new size, its type, and ^C", async () => {
    const { session, output, keys } = startSsh(["-t", "root@guest", SIZES], {
      environment: { TERM: "vt220" },
      window: { columns: 101, rows: 41 },
    });
    await output.until((sink) => sink.text.includes("vt220\r\n41 101\r\n"));
    session.resize({ columns: 72, rows: 31 });
    await output.until((sink) => sink.text.includes("31 72\r\n"));
    keys.write("\u0003");
    assert.deepEqual(await session.outcome, { code: 9, signal: 0, coreDumped: false });
  });

  it("takes variables of language, and no others", async () => {
    const environment = { LANG: "de_DE.UTF-8", LC_TIME: "C.UTF-8", LD_PRELOAD: "", SECRET: "x" };
    const args = ["-o", "SendEnv=LANG LC_TIME SECRET", "root@guest", 'echo "$LANG $LC_TIME $SECRET."'];
    assert.equal((await ssh(args, { environment })).output.toString(), "de_DE.UTF-8 C.UTF-8 .\n");
    assert.equal(await outputOf("root@guest", "echo $LANG"), "C\n");
  });

  it("passes a client's signals on to the command's group", async () => {
    const client = await dial("root");
    const channel = await open((done) =>
      client.exec("trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.01; done", done),
    );
    const output = text(channel);
    await until(
      () => execs().length === 1 && container.sessions.entries[1]?.session.outputBytes.output === 6,
    );
    channel.signal("TERM");
    const [code] = (await once(channel, "exit")) as [number];
    assert.deepEqual([code, await output], [5, "ready\ncaught\n"]);
  });

  it("carries a few mebibytes unchanged through a command", async () => {
    const input = Buffer.alloc(5 * MEBIBYTE, "0123456789abcde");
    const { output, status } = await ssh(["root@guest", "cat"], { input });
    assert.equal(status, 0);
    assert.ok(output.equals(input));
  }).timeout(20_000);

  it("ends the input of a command whose client is gone, and hangs up a terminal", async () => {
    for (const [args, what] of [
      [["root@guest", "echo $$; cat"], "cat"],
      [["-tt", "root@guest", "trap 'echo hangup; exit' HUP; echo $$; while :; do sleep 0.05; done"], "loop"],
    ] as const) {
      const { session, output } = startSsh(args);
      await output.until((sink) => sink.text.includes("\n"));
      const pid = Number(output.text.trim());
      assert.equal(readProcesses([pid]).length, 1, what);
      session.signal(9, false);
      await until(() => ["Z", undefined].includes(readProcesses([pid])[0]?.state));
    }
  });

  it("runs many commands over one connection, and forgets those that have ended", async () => {
    const client = await dial("root");
    const outputs = Array.from({ length: 50 }, async (_, index) =>
      text(await open((done) => client.exec(`echo ${index}`, done))),
    );
    assert.deepEqual(
      await Promise.all(outputs),
      Array.from({ length: 50 }, (_, index) => `${index}\n`),
    );
  }).timeout(20_000);

  it("refuses X11, agents and ports of its own, and does what is asked besides", async () => {
    const environment = { DISPLAY: "127.0.0.1:0", SSH_AUTH_SOCK: join(folder.path, "none") };
    const refused = [
      "-X",
      "-A",
      "-o",
      "ForwardX11Trusted=yes",
      "-R",
      "0:127.0.0.1:22",
      "-R",
      "/tmp/x:127.0.0.1:22",
    ];
    const { status, output } = await ssh([...refused, "root@guest", "echo $DISPLAY done"], { environment });
    assert.deepEqual([status, output.toString()], [0, "done\n"]);
  });

  it("has no other subsystem", async () => {
    assert.notEqual((await ssh(["-s", "root@guest", "control"])).status, 0);
  });

  it("lets neither a further command nor a second user into a channel or connection", async () => {
    const dialled = await dial("root");
    const channel = await open((done) => dialled.exec("cat", done));
    const { _client: client, outgoing } = channel as unknown as {
      _client: { _protocol: { exec(id: number, command: string, wantReply: boolean): void } };
      outgoing: { id: number };
    };
    client._protocol.exec(outgoing.id, "echo second", false);
    channel.end("first");
    assert.equal(await text(channel), "first");
    assert.equal(execs().length, 1);
  });

  it("serves files to sftp", async () => {
    writeFileSync(join(folder.path, "file"), "content");
    const commands = `get ${folder.path}/file ${folder.path}/got\nput ${folder.path}/got ${folder.path}/put\n`;
    const { status, errorOutput } = await ssh(["-b", "-", "root@guest"], {
      input: commands,
      program: "sftp",
    });
    assert.deepEqual([status, errorOutput], [0, ""]);
    assert.equal(readFileSync(join(folder.path, "put"), "utf8"), "content");
  });

  describe("forwarding", () => {
    /** What a peer does that ends its side first and then tells what it was told. */
    const serve = (path: string | number): Promise<Server> =>
      new Promise((resolve) => {
        const server = createServer({ allowHalfOpen: true }, (socket) => void greet(socket));
        closing.push(() => server.close());
        if (typeof path === "number") server.listen(path, "127.0.0.1", () => resolve(server));
        else server.listen(path, () => resolve(server));
      });
    const told: Buffer[] = [];
    const greet = async (socket: Socket): Promise<void> => {
      socket.on("error", () => {});
      socket.end(Buffer.alloc(3 * MEBIBYTE, "greeting"));
      told.push(await buffer(socket));
    };
    const forward = async (target: string): Promise<string> => {
      const local = join(folder.path, "local.sock");
      rmSync(local, { force: true });
      startSsh(["-N", "-o", "ExitOnForwardFailure=yes", "-L", `${local}:${target}`, "root@guest"]);
      const isThere = (): boolean => {
        try {
          readFileSync(local);
          return true;
        } catch (error) {
          return (error as NodeJS.ErrnoException).code !== "ENOENT";
        }
      };
      await until(isThere);
      return local;
    };
    /** Says everything, also behind the far side's end. */
    const converse = async (path: string): Promise<Buffer> => {
      const socket = connect({ path, allowHalfOpen: true });
      socket.on("error", () => {});
      const heard = await buffer(socket);
      socket.end(Buffer.alloc(3 * MEBIBYTE, "answer"));
      await once(socket, "close");
      return heard;
    };
    beforeEach(() => told.splice(0));

    it("reaches a port in the container's network, each direction to its own end", async () => {
      const server = await serve(0);
      const { port } = server.address() as { port: number };
      const heard = await converse(await forward(`127.0.0.1:${port}`));
      assert.ok(heard.equals(Buffer.alloc(3 * MEBIBYTE, "greeting")));
      await until(() => told.length > 0);
      assert.ok(told[0]?.equals(Buffer.alloc(3 * MEBIBYTE, "answer")), `${told[0]?.length}`);
    }).timeout(20_000);

    it("reaches a socket in the container's file system", async () => {
      mkdirSync(join(folder.path, "run"), { recursive: true });
      const path = join(folder.path, "run/service.sock");
      await serve(path);
      const heard = await converse(await forward(path));
      assert.equal(heard.length, 3 * MEBIBYTE);
      await until(() => told.length > 0);
      assert.equal(told[0]?.length, 3 * MEBIBYTE);
    }).timeout(20_000);

    it("to what is not there ends that connection, and not the client's", async () => {
      for (const target of ["127.0.0.1:1", join(folder.path, "missing.sock"), "127.0.0.1:99999"]) {
        const client = await dial("root");
        const [host = "", port] = target.split(":");
        const attempt = open((done) =>
          port === undefined
            ? client.openssh_forwardOutStreamLocal(host, done)
            : client.forwardOut("127.0.0.1", 1, host, Number(port), done),
        );
        await assert.rejects(attempt, /open failure/, target);
        assert.equal(await text(await open((done) => client.exec("echo on", done))), "on\n");
      }
    });
  });
});

const SIZES =
  "trap 'stty size' WINCH; trap 'exit 9' INT; echo $TERM; stty size; while :; do sleep 0.02; done";
