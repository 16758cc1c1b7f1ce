import assert from "node:assert/strict";
import { pipeline } from "node:stream/promises";
import { makeLinkKeys } from "../../../src/portlayer/interaction/index.ts";
import { decodeMessage, encodeRequest } from "../../../src/protocol/control-messages.ts";
import { DelimitedDecoder } from "../../../src/protocol/length-delimited.ts";
import type { Exit } from "../../../src/session/index.ts";
import { type FakeSession, startFakeSession } from "../../support/fake-process.ts";
import { type Finished, runSsh, type SshOptions } from "../../support/openssh.ts";
import { ServedGuest } from "../../support/served-guest.ts";

// The judge is Debian's own client: openssh-client, with nc (netcat-openbsd) to reach a socket in a folder.
describe("OpenSSH's client", () => {
  let fake: FakeSession;
  let guest: ServedGuest;
  beforeEach(async () => {
    fake = await startFakeSession({ openStdin: true });
    guest = new ServedGuest(fake.session);
    void fake.outcome.then((outcome) => guest.exited(outcome as Exit));
  });
  afterEach(async () => {
    fake.process.exit();
    await guest[Symbol.asyncDispose]();
  });

  const ssh = (args: readonly string[], options?: SshOptions): Promise<Finished> =>
    runSsh(guest, args, options);

  it("attaches: output, error output and exit status are the process's", async () => {
    fake.process.stdout.write("out\n");
    fake.process.stderr.write("err\n");
    fake.process.exit({ code: 42 });
    const { status, output, errorOutput } = await ssh(["tether@guest", "attach"]);
    assert.deepEqual(
      { status, output: output.toString(), errorOutput },
      { status: 42, output: "out\n", errorOutput: "err\n" },
    );
  });

  it("carries input to the process, and its end", async () => {
    const echoed = pipeline(fake.process.stdin, fake.process.stdout, { end: false }).then(() =>
      fake.process.exit(),
    );
    const content = Buffer.alloc(300_000, "0123456789");
    const { status, output } = await ssh(["tether@guest", "attach"], { input: content });
    await echoed;
    assert.equal(status, 0);
    assert.ok(output.equals(content));
  });

  it("ends with 255 when a signal ended the process", async () => {
    fake.process.exit({ signal: 15 });
    assert.equal((await ssh(["tether@guest", "attach"])).status, 255);
  });

  it("opens the control subsystem", async () => {
    const input = encodeRequest({ id: 1, getSnapshot: {} });
    const { output } = await ssh(["-s", "tether@guest", "control"], { input });
    const [reply] = [...new DelimitedDecoder().push(output)].map(decodeMessage);
    assert.equal(reply?.reply?.snapshot?.agentVersion, "test");
  });

  it("gets neither a shell nor another command nor files", async () => {
    for (const args of [["tether@guest"], ["tether@guest", "ls"], ["-s", "tether@guest", "sftp"]]) {
      const { status, output } = await ssh(args);
      assert.notEqual(status, 0, args.join(" "));
      assert.equal(output.length, 0);
    }
  });

  it("is refused with another key, and refuses another guest itself", async () => {
    const stranger = makeLinkKeys();
    assert.match(
      (await ssh(["tether@guest", "attach"], { key: stranger.clientPrivateKey })).errorOutput,
      /Permission denied/,
    );
    const { status, errorOutput } = await ssh(["tether@guest", "attach"], {
      hostKey: stranger.hostPublicKey,
    });
    assert.equal(status, 255);
    assert.match(errorOutput, /Host key verification failed/);
  });
});
