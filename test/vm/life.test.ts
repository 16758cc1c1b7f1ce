import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { waitForFile } from "../support/vm-files.ts";

/** Answers signals, and ends with 5 on the stop signal that it was given, SIGQUIT. */
const POLITE = `
  trap 'echo got INT' INT
  trap 'echo got USR1' USR1
  trap 'echo got TERM' TERM
  trap 'echo got QUIT; exit 5' QUIT
  echo ready
  while :; do sleep 0.1; done`;

/** Ends with no signal that can be caught. */
const STUBBORN = "trap 'echo got TERM' TERM INT; echo ready; while :; do sleep 0.1; done";

describe("the life of a container VM", () => {
  const host = useHost();

  describe("that runs", () => {
    let call: Call;
    before(async () => {
      call = host.start(["run", "--name", "sailor", "--stop-signal", "QUIT", DEMO_IMAGE, "sh", "-c", POLITE]);
      await call.stdout.expect(/ready\n/);
    });

    it("is listed by another vch", async () => {
      const { stdout, status } = await host.run(["ps"]);
      const [head, line, ...rest] = stdout.toString().trimEnd().split("\n");
      assert.match(head ?? "", /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +NAMES$/);
      assert.match(line ?? "", /^[0-9a-f]{12} +oci:\S+ +"sh -c .*…" +\d+ seconds? ago +Up .* +sailor$/);
      assert.deepEqual([rest, status], [[], 0]);
    });

    it("keeps its name to itself", async () => {
      const { status, complaints } = await host.run(["run", "--rm", "--name", "sailor", DEMO_IMAGE, "true"]);
      assert.equal(status, 125);
      assert.equal(complaints.length, 1);
      assert.match(
        complaints[0] ?? "",
        /^vch: Conflict\. The container name "\/sailor" is already in use by container "[0-9a-f]{64}"/,
      );
    });

    it("is not removed without force", async () => {
      const { status, complaints } = await host.run(["rm", "sailor"]);
      assert.equal(status, 1);
      assert.match(complaints.join("\n"), /^vch: You cannot remove a running container [0-9a-f]{64}\./);
    });

    it("gets the signals that its command gets", async () => {
      call.process.kill("SIGINT");
      await call.stdout.expect(/got INT\n/);
      call.process.kill("SIGUSR1");
      await call.stdout.expect(/got USR1\n/);
    });

    it("is asked by its stop signal to end when its command is told to, with the status of its process", async () => {
      call.process.kill("SIGTERM");
      await call.stdout.expect(/got QUIT\n/);
      const { status, complaints } = await call.finished;
      assert.deepEqual([status, complaints], [5, []]);
    });

    it("is listed afterwards only when asked for, and has no process any more", async () => {
      assert.equal((await host.run(["ps", "-q"])).stdout.toString(), "");
      assert.match((await host.run(["ps", "-a"])).stdout.toString(), / Exited \(5\) .* ago +sailor\n$/);
      assert.deepEqual(host.processes(), []);
    });

    it("is removed by the beginning of its id, with everything of it", async () => {
      const [id = ""] = host.containers();
      const { status, stdout } = await host.run(["rm", id.slice(0, 5)]);
      assert.deepEqual([status, stdout.toString()], [0, `${id.slice(0, 5)}\n`]);
      host.assertNothingLeft();
      assert.match(
        (await host.run(["rm", "sailor"])).complaints.join("\n"),
        /^vch: No such container: sailor$/,
      );
    });
  });

  it("ends when it is removed by force, and so does its command", async () => {
    const call = host.start(["run", "--name", "doomed", DEMO_IMAGE, "sh", "-c", STUBBORN]);
    await call.stdout.expect(/ready\n/);
    assert.equal((await host.run(["rm", "-f", "doomed"])).status, 0);
    const { status, complaints } = await call.finished;
    assert.equal(status, 137);
    assert.deepEqual(complaints, []);
    host.assertNothingLeft();
  });

  it("ends within ten seconds of SIGTERM when its process does not listen", async () => {
    const call = host.start(["run", "--rm", DEMO_IMAGE, "sh", "-c", STUBBORN]);
    await call.stdout.expect(/ready\n/);
    call.process.kill("SIGTERM");
    await call.stdout.expect(/got TERM\n/);
    assert.deepEqual([(await call.finished).status, (await call.finished).complaints], [143, []]);
    host.assertNothingLeft();
  });

  it("ends at the third ^C, whatever its process does", async () => {
    const call = host.start(["run", "--rm", DEMO_IMAGE, "sh", "-c", STUBBORN]);
    await call.stdout.expect(/ready\n/);
    for (const _ of [1, 2]) {
      call.process.kill("SIGINT");
      await call.stdout.expect(/got TERM\n/);
    }
    call.process.kill("SIGINT");
    assert.equal((await call.finished).status, 130);
    host.assertNothingLeft();
  });

  it("goes on when its command is killed; the next vch finds it and removes it", async () => {
    const call = host.start(["run", "--rm", "--name", "orphan", DEMO_IMAGE, "sh", "-c", STUBBORN]);
    await call.stdout.expect(/ready\n/);
    call.process.kill("SIGKILL");
    await call.finished;
    assert.match((await host.run(["ps"])).stdout.toString(), / Up .* +orphan\n$/);
    assert.equal((await host.run(["rm", "-f", "orphan"])).status, 0);
    host.assertNothingLeft();
  });

  it("ends with 137 when its time is over", async () => {
    const { status, complaints } = await host.run([
      "run",
      "--rm",
      "--timeout",
      "1",
      DEMO_IMAGE,
      "sleep",
      "1000",
    ]);
    assert.equal(status, 137);
    assert.deepEqual(complaints, ["vch: the container ran longer than 1 s (--timeout): killing it"]);
  });

  it("keeps what its process wrote only as long as it is not removed", async () => {
    assert.equal(
      (
        await host.run([
          "run",
          "--name",
          "first",
          DEMO_IMAGE,
          "sh",
          "-c",
          "echo changed > /bin/hello; rm /bin/vi",
        ])
      ).status,
      0,
    );
    const [id = ""] = host.containers();
    assert(existsSync(host.state("containers", id, "disk.qcow2")));
    const { stdout } = await host.run([
      "run",
      "--rm",
      DEMO_IMAGE,
      "sh",
      "-c",
      "head -1 /bin/hello; ls /bin/vi",
    ]);
    assert.equal(stdout.toString(), "#!/bin/sh\n/bin/vi\n");
    assert.equal((await host.run(["rm", "first"])).status, 0);
  });
});

describe("a command that is interrupted", () => {
  const host = useHost({ sharesImages: false });

  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    it(`while it imports the image: ${signal} leaves nothing`, async () => {
      const call = host.start(["run", "--rm", DEMO_IMAGE, "true"]);
      await call.stderr.expect(/unpacking/);
      call.process.kill(signal);
      const result = await call.finished;
      assert.deepEqual([result.status, result.complaints], [status, []]);
      host.assertNothingLeft();
    });
  }

  it("while the machine boots: ^C leaves nothing", async () => {
    const call = host.start(["run", DEMO_IMAGE, "true"]);
    const record = await waitForFile(host.state("containers"), /^[0-9a-f]{64}\/console\.log$/, call.finished);
    call.process.kill("SIGINT");
    const result = await call.finished;
    assert.deepEqual([result.status, result.complaints], [130, []], readConsole(record));
    host.assertNothingLeft();
  });
});

function readConsole(path: string): string {
  return existsSync(path) ? readFileSync(path, "latin1") : "";
}
