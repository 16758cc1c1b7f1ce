import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { DOCKER } from "../support/dockerd.ts";
import { useServedHost } from "../support/served-host.ts";
import { Watched } from "../support/vm-watched.ts";

describe("a restart policy of a container whose machine is lost", function () {
  this.timeout(180_000);
  let events: ChildProcess | undefined;
  let told: Watched;

  const served = useServedHost();
  const docker = (...words: string[]): Promise<string> => served.done(...words);

  before(() => follow(Date.now()));
  after(() => events?.kill());

  /** Events in the order in which they come, as `NAME ACTION STATUS`. */
  const follow = (sinceMs: number): void => {
    const format = "{{.Actor.Attributes.name}} {{.Action}} {{.Actor.Attributes.exitCode}}";
    events = spawn(DOCKER, ["events", "--since", String(sinceMs / 1000), "--format", format], {
      env: served.environment(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    assert(events.stdout !== null);
    told = new Watched(events.stdout);
  };

  const run = (name: string, policy: string, ...words: string[]): Promise<string> =>
    docker("run", "-d", "--name", name, "--network", "none", "--restart", policy, "demo:1", ...words);
  const pidOf = async (name: string): Promise<number> =>
    Number(await docker("inspect", "-f", "{{.State.Pid}}", name));
  const stateOf = (name: string): Promise<string> =>
    docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", name);
  const killMachine = async (name: string): Promise<void> => {
    const pid = await pidOf(name);
    assert.ok(pid > 1);
    process.kill(pid, "SIGKILL");
  };
  /** The next event of this container's that says so; earlier ones are not looked at again. */
  const untilTold = (name: string, action: string): Promise<unknown> =>
    told.expect(new RegExp(`^${name} ${action}\\b.*\\n`, "m"));

  it("starts it again, counted, with its files and its log", async () => {
    await run("steady", "always", "sh", "-c", "echo begun; exec sleep 1000000");
    await docker("exec", "steady", "sh", "-c", "echo kept > /kept; sync");
    await killMachine("steady");
    await untilTold("steady", "die 137");
    await untilTold("steady", "start");
    assert.equal(await stateOf("steady"), "running 0 1");
    assert.equal(await docker("exec", "steady", "cat", "/kept"), "kept");
    assert.equal(await docker("logs", "steady"), "begun\nbegun");
  });

  it("does so as often as it allows, together with the restarts of its guest", async () => {
    await run(
      "frail",
      "on-failure:2",
      "sh",
      "-c",
      "[ -e /twice ] || { touch /twice; sync; exit 3; }; exec sleep 1000000",
    );
    await untilTold("frail", "die 3");
    await untilTold("frail", "start");
    await killMachine("frail");
    await untilTold("frail", "die 137");
    await untilTold("frail", "start");
    assert.equal(await stateOf("frail"), "running 0 2");
    await killMachine("frail");
    await untilTold("frail", "die 137");
    // Whoever is lost later is started again, and is not this one.
    await killMachine("steady");
    await untilTold("steady", "start");
    assert.equal(await stateOf("frail"), "exited 137 2");
  });

  it("leaves it alone when somebody has ended it, and dockerd's begin asks after that", async () => {
    await run("stopped", "unless-stopped", "sleep", "1000000");
    await docker("kill", "stopped");
    await docker("kill", "steady");
    assert.deepEqual([await stateOf("stopped"), await stateOf("steady")], ["exited 137 0", "exited 137 2"]);
    await run("lonely", "unless-stopped", "sleep", "1000000");
    const lonely = await pidOf("lonely");
    await served.end();
    const endedMs = Date.now();
    process.kill(lonely, "SIGKILL");
    await served.start();
    follow(endedMs);
    await untilTold("lonely", "die 137");
    const started = [await told.expect(/^(\w+) start .*\n/m), await told.expect(/^(\w+) start .*\n/m)];
    assert.deepEqual(new Set(started.map(([, name]) => name)), new Set(["lonely", "steady"]));
    assert.equal(await stateOf("lonely"), "running 0 0");
    assert.equal(await stateOf("steady"), "running 0 0");
    assert.equal(await stateOf("stopped"), "exited 137 0");
    assert.equal(await stateOf("frail"), "exited 137 2");
    await docker("rm", "-f", "steady", "frail", "stopped", "lonely");
  });

  it("is told while it waits for its start, in which it can be stopped, waited for and removed", async () => {
    await run("resting", "always", "sleep", "1000000");
    const id = await docker("inspect", "-f", "{{.Id}}", "resting");
    // What it is started with cannot be made, so that it goes on waiting.
    const obstacle = join(served.environment()["VCH_STATE"] ?? "", "containers", id, "console.log");
    rmSync(obstacle);
    mkdirSync(obstacle);
    await killMachine("resting");
    await untilTold("resting", "die 137");
    const refused = async (...words: string[]): Promise<string> => {
      const { status, err } = await served.call(DOCKER, words);
      assert.notEqual(status, 0);
      return err.trim();
    };
    assert.match(
      await docker("ps", "--format", "{{.Names}} {{.Status}}"),
      /^resting Restarting \(\d+\) .* ago$/m,
    );
    const state = "{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.Pid}}";
    assert.equal(await docker("inspect", "-f", state, "resting"), "restarting true true 0");
    assert.match(
      await refused("exec", "resting", "true"),
      /is restarting, wait until the container is running$/,
    );
    assert.match(
      await refused("rm", "resting"),
      new RegExp(`You cannot remove a restarting container ${id}\\. Stop the container before`),
    );
    assert.equal(await docker("start", "resting"), "resting");
    assert.equal(await docker("kill", "-s", "USR1", "resting"), "resting");
    assert.equal(await docker("update", "--restart", "unless-stopped", "resting"), "resting");
    const asked = request({
      socketPath: served.socket,
      method: "POST",
      path: "/containers/resting/wait",
    }).end();
    const [waited] = (await once(asked, "response")) as [IncomingMessage];
    assert.equal(await docker("stop", "resting"), "resting");
    await untilTold("resting", "stop");
    const [status] = /^exited \d+/.exec(await stateOf("resting")) ?? [];
    assert.equal(`exited ${((await json(waited)) as { StatusCode: number }).StatusCode}`, status);
    rmdirSync(obstacle);
    await docker("start", "resting");
    rmSync(obstacle);
    mkdirSync(obstacle);
    await killMachine("resting");
    await untilTold("resting", "die 137");
    await docker("rm", "-f", "resting");
    await untilTold("resting", "destroy");
  });
});
