import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { DEMO_IMAGE, type Finished, useHost } from "../support/vm-host.ts";
import { succeedOn } from "../support/vm-commands.ts";
import { Terminal } from "../support/vm-terminal.ts";

/** Counts until it is told to end, and answers SIGUSR1. */
const COUNTER = `
  trap 'echo got TERM; exit 5' TERM
  trap 'echo got USR1' USR1
  n=0; while :; do echo tick $((n += 1)); sleep 0.1; done`;

const STUBBORN = "trap '' TERM; while :; do sleep 0.1; done";

describe("a container VM that was left running", function () {
  this.timeout(120_000);
  const host = useHost();

  const succeed = succeedOn(host);
  const refuse = async (status: number, message: RegExp, ...args: string[]): Promise<void> => {
    const result = await host.run(args);
    assert.match(result.complaints.join("\n"), message);
    assert.deepEqual([result.status, result.stdout.toString()], [status, ""], args.join(" "));
  };
  const stateOf = (name: string): Promise<string> =>
    succeed("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);

  describe("and counts", () => {
    let id: string;
    before(async () => {
      const output = await succeed(
        "run",
        "-d",
        "--name",
        "counter",
        "-e",
        "FOO=bar",
        DEMO_IMAGE,
        "sh",
        "-c",
        COUNTER,
      );
      id = output.trim();
    });
    after(() => succeed("rm", "-f", "counter"));

    it("is called by its id, and has no process of vch's", () => {
      assert.match(id, /^[0-9a-f]{64}$/);
      assert.deepEqual(
        host.processes().map((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim()),
        ["container-vm"],
      );
    });

    it("is listed as running", async () => {
      assert.match(await succeed("ps"), / Up .* +counter\n$/);
      assert.equal(
        await succeed("ps", "--format", "{{.Names}} {{.State}}", "--filter", "name=count"),
        "counter running\n",
      );
      assert.equal(await stateOf("counter"), "running 0\n");
    });

    it("keeps its keys to its owner, and no other secret", () => {
      assert.equal(statSync(host.state("containers", id, "link-key")).mode & 0o777, 0o600);
      assert.equal(existsSync(host.state("containers", id, "config.pb")), false);
    });

    it("executes commands beside its process: output, error output, input, exit status", async () => {
      const both = await host.run(["exec", "counter", "sh", "-c", "echo out; echo err >&2; exit 42"]);
      assert.deepEqual([both.status, both.stdout.toString(), both.stderr.toString()], [42, "out\n", "err\n"]);
      const echoed = await host.run(["exec", "-i", "counter", "cat"], { input: "some input" });
      assert.deepEqual([echoed.status, echoed.stdout.toString()], [0, "some input"]);
      assert.equal((await host.run(["exec", "counter", "sh", "-c", "kill -9 $$"])).status, 137);
    });

    it("executes commands as another user, elsewhere, with other variables", async () => {
      const question = ["sh", "-c", "id -u; pwd; echo $A $FOO"];
      const answer = await succeed(
        "exec",
        "-u",
        "1000:1000",
        "-w",
        "/tmp",
        "-e",
        "A=1",
        id.slice(0, 9),
        ...question,
      );
      assert.equal(answer, "1000\n/tmp\n1 bar\n");
    });

    it("says in Docker's words why a command cannot be executed", async () => {
      const shape =
        /^vch: OCI runtime exec failed: exec failed: .*exec: "nosuch": executable file not found in \$PATH: unknown$/;
      await refuse(127, shape, "exec", "counter", "nosuch");
      await refuse(127, shape, "exec", "-d", "counter", "nosuch");
      await refuse(126, /"\/etc\/passwd": permission denied: unknown$/, "exec", "counter", "/etc/passwd");
    });

    it("executes commands in the background", async () => {
      assert.equal(await succeed("exec", "-d", "counter", "sleep", "1234"), "");
      assert.match(await succeed("top", "counter"), /^UID .*\n(.*\n)*.* sleep 1234\n/);
    });

    it("shows what it prints from now on, and passes signals on", async () => {
      const call = host.start(["attach", "counter"]);
      await call.stdout.expect(/^tick \d+\n/m);
      assert.doesNotMatch(call.stdout.text, /^tick 1$/m);
      call.process.kill("SIGUSR1");
      await call.stdout.expect(/got USR1\n/);
      await succeed("kill", "-s", "USR1", "counter");
      await call.stdout.expect(/got USR1\n/);
      call.process.kill("SIGKILL");
      await call.finished;
      assert.equal(await stateOf("counter"), "running 0\n");
    });

    it("has printed to its log what nobody was attached for", async () => {
      assert.match(await succeed("logs", "counter"), /^tick 1\ntick 2\n/);
      assert.match(await succeed("logs", "--tail", "2", "counter"), /^.*\n.*\n$/);
    });

    it("stands still while it is paused", async () => {
      assert.equal(await succeed("pause", "counter"), "counter\n");
      assert.match(await succeed("ps"), / Up .* \(Paused\) +counter\n$/);
      await refuse(1, / is paused, unpause the container before exec$/, "exec", "counter", "true");
      await refuse(
        1,
        /^vch: You cannot attach to a paused container, unpause it first$/,
        "attach",
        "counter",
      );
      await refuse(1, /is already paused$/, "pause", "counter");
      const before = await succeed("logs", "counter");
      assert.equal(await succeed("logs", "counter"), before);
      assert.equal(await succeed("unpause", "counter"), "counter\n");
      await refuse(1, /is not paused$/, "unpause", "counter");
    });

    it("is called by another name when it is given one", async () => {
      await succeed("rename", "counter", "renamed");
      await refuse(1, /^vch: No such container: counter$/, "stop", "counter");
      await succeed("rename", "renamed", "counter");
    });

    it("is stopped with its stop signal, and everybody is told", async () => {
      const attached = host.start(["attach", "counter"]);
      await attached.stdout.expect(/tick/);
      const waiting = host.start(["wait", "counter", id]);
      assert.equal(await succeed("stop", "counter"), "counter\n");
      const { status, stdout } = await attached.finished;
      assert.deepEqual([status, stdout.toString().endsWith("got TERM\n")], [5, true]);
      assert.equal((await waiting.finished).stdout.toString(), "5\n5\n");
      assert.equal(await stateOf("counter"), "exited 5\n");
    });

    it("is stopped once: what is stopped may be stopped again, and does nothing else", async () => {
      assert.equal(await succeed("stop", "counter"), "counter\n");
      await refuse(1, /^vch: Container [0-9a-f]{64} is not running$/, "exec", "counter", "true");
      await refuse(
        1,
        /^vch: Cannot kill container: counter: Container [0-9a-f]{64} is not running$/,
        "kill",
        "counter",
      );
      await refuse(1, /^vch: You cannot attach to a stopped container, start it first$/, "attach", "counter");
      assert.equal(await succeed("wait", "counter"), "5\n");
      assert.equal(await succeed("ps", "-q"), "");
    });

    it("runs again, with what it wrote and with new keys", async () => {
      const key = readFileSync(host.state("containers", id, "link-key"), "utf8");
      assert.equal(await succeed("start", "counter"), "counter\n");
      assert.equal(await succeed("start", "counter"), "counter\n");
      assert.notEqual(readFileSync(host.state("containers", id, "link-key"), "utf8"), key);
      await succeed("exec", "counter", "touch", "/kept");
      assert.equal(await succeed("restart", "-t", "5", "counter"), "counter\n");
      assert.equal(await succeed("exec", "counter", "ls", "/kept"), "/kept\n");
    });

    it("ends an exec that outlives it", async () => {
      const call = host.start(["exec", "counter", "sh", "-c", "echo here; sleep 1000"]);
      await call.stdout.expect(/here/);
      await succeed("kill", "counter");
      assert.equal((await call.finished).status, 137);
      assert.equal(await stateOf("counter"), "exited 137\n");
    });

    it("has told of everything in its events", async () => {
      const text = await succeed("events", "--since", "1h", "--until", "0s", "--filter", "container=counter");
      const actions = text.split("\n").map((line) => line.split(" ")[2]?.replace(/:$/, ""));
      for (const action of [
        "create",
        "start",
        "attach",
        "kill",
        "pause",
        "unpause",
        "rename",
        "stop",
        "die",
        "exec_create",
        "exec_die",
      ])
        assert(actions.includes(action), `${action} in ${actions.join(" ")}`);
    });
  });

  it("answers OpenSSH, by a configuration that is printed", async () => {
    await succeed("run", "-d", "--name", "shell", DEMO_IMAGE, "sleep", "1000");
    const file = host.file("ssh_config");
    writeFileSync(file, await succeed("ssh", "--config", "shell"));
    const answer = execFileSync("ssh", ["-F", file, "shell", "echo to ssh; exit 0"], { encoding: "utf8" });
    assert.equal(answer, "to ssh\n");
    assert.equal((await host.run(["ssh", "shell", "exit 3"])).status, 3);
    await succeed("rm", "-f", "shell");
  });

  it("is left by the detach keys, and attached to again", async () => {
    const terminal = new Terminal(
      host,
      `bin/vch run -it --name tty ${DEMO_IMAGE} sh -c 'echo first; read x; echo "[$x]"; read y; exit 7'; echo status $?`,
      { columns: 80, rows: 24 },
    );
    await terminal.screen.expect(/first/);
    terminal.type("\x10\x11");
    await terminal.screen.expect(/status 0/);
    assert.equal(await terminal.ended, 0);
    const again = new Terminal(host, `bin/vch attach --detach-keys ctrl-a tty; echo status $?`, {
      columns: 80,
      rows: 24,
    });
    // Until it is attached what is typed is not for the container.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    again.type("typed\r");
    await again.screen.expect(/\[typed\]/);
    again.type("\x01");
    await again.screen.expect(/read escape sequence\r\nstatus 0/);
    assert.equal(await stateOf("tty"), "running 0\n");
    await succeed("rm", "-f", "tty");
    for (const each of [terminal, again]) each.close();
  });

  it("that ends at once has an exit status all the same, and is removed when it was to be", async () => {
    await succeed("run", "-d", "--name", "quick", DEMO_IMAGE, "sh", "-c", "echo quick; exit 3");
    assert.equal(await succeed("wait", "quick"), "3\n");
    assert.equal(await succeed("logs", "quick"), "quick\n");
    await succeed("rm", "quick");
    await succeed("run", "-d", "--rm", "--name", "gone", DEMO_IMAGE, "sh", "-c", "sleep 1; exit 4");
    assert.equal(await succeed("wait", "gone"), "4\n");
    assert.equal(await succeed("ps", "-aq"), "");
    host.assertNothingLeft();
  });

  it("is none when its command cannot be run: Docker's status, its id, and it is as if it were just created", async () => {
    const failed = await host.run(["run", "-d", "--name", "failed", DEMO_IMAGE, "nosuch"]);
    assert.match(failed.complaints.join("\n"), /exec: "nosuch": executable file not found in \$PATH$/);
    assert.match(failed.stdout.toString(), /^[0-9a-f]{64}\n$/);
    assert.deepEqual([failed.status, await stateOf("failed")], [127, "created 127\n"]);
    await succeed("rm", "failed");
    const removed = await host.run(["run", "-d", "--rm", DEMO_IMAGE, "/etc/passwd"]);
    assert.match(removed.complaints.join("\n"), /"\/etc\/passwd": permission denied/);
    assert.equal(removed.status, 126);
    host.assertNothingLeft();
  });

  it("is created first and started later, with its output or without", async () => {
    await succeed("create", "-i", "--name", "later", DEMO_IMAGE, "sh", "-c", "echo started; cat; exit 6");
    assert.match(await succeed("ps", "-a"), / Created +later\n$/);
    const { status, stdout } = await host.run(["start", "-a", "-i", "later"], { input: "input\n" });
    assert.deepEqual([status, stdout.toString()], [6, "started\ninput\n"]);
    await succeed("rm", "later");
  });

  it("is killed when it does not end in time", async () => {
    await succeed("run", "-d", "--name", "stubborn", DEMO_IMAGE, "sh", "-c", STUBBORN);
    const before = Date.now();
    await succeed("stop", "-t", "1", "stubborn");
    assert(Date.now() - before < 8000);
    assert.equal(await stateOf("stubborn"), "exited 137\n");
    await succeed("rm", "stubborn");
  });

  it("is started again by its restart policy, as often as that says", async () => {
    await succeed(
      "run",
      "-d",
      "--restart",
      "on-failure:2",
      "--name",
      "again",
      DEMO_IMAGE,
      "sh",
      "-c",
      "echo run; sleep 0.5; exit 9",
    );
    // Each exit is one to have waited for.
    do assert.equal(await succeed("wait", "again"), "9\n");
    while ((await stateOf("again")) !== "exited 9\n");
    assert.equal(await succeed("inspect", "-f", "{{.RestartCount}}", "again"), "2\n");
    assert.equal(await succeed("logs", "again"), "run\nrun\nrun\n");
    await succeed("rm", "again");
  });

  describe("and is wanted by several at once", () => {
    const outcomes = (results: readonly Finished[]): number[] =>
      results.map(({ status }) => status).sort((a, b) => a - b);

    it("is started once", async () => {
      await succeed("create", "--name", "shared", DEMO_IMAGE, "sh", "-c", "echo run; sleep 1000");
      const starts = await Promise.all([1, 2, 3].map(() => host.run(["start", "shared"])));
      assert.deepEqual(outcomes(starts), [0, 0, 0]);
      assert.equal(host.processes().length, 1);
      assert.equal(await succeed("logs", "shared"), "run\n");
    });

    it("is stopped once", async () => {
      const stops = await Promise.all([1, 2, 3].map(() => host.run(["stop", "-t", "0", "shared"])));
      assert.deepEqual(outcomes(stops), [0, 0, 0]);
      assert.match(await stateOf("shared"), /^exited 1(37|43)\n$/);
    });

    it("is gone when it is removed while it starts", async () => {
      const start = host.start(["start", "shared"]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await succeed("rm", "-f", "shared");
      await start.finished;
      host.assertNothingLeft();
    });
  });
});
