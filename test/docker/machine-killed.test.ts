import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { DOCKER } from "../support/dockerd.ts";
import { useServedHost } from "../support/served-host.ts";
import { Watched } from "../support/vm-watched.ts";

const execute = promisify(execFile);

describe("a container whose QEMU is killed", function () {
  this.timeout(180_000);
  const served = useServedHost();
  const docker = (...words: string[]): Promise<string> => served.done(...words);

  it("has ended with 137: for whoever waits, looks, or listens, and it can be started again", async () => {
    const events = spawn(DOCKER, ["events", "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}"], {
      env: served.environment(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const told = new Watched(events.stdout);
    const script = "echo begun; exec sleep 1000000";
    await docker("run", "-d", "--name", "box", "--network", "none", "demo:1", "sh", "-c", script);
    const waited = docker("wait", "box");
    const executed = execute(DOCKER, ["exec", "box", "sleep", "1000000"], { env: served.environment() });
    // Its end is told before it is waited for.
    executed.catch(() => {});
    await told.expect(/^exec_start: sleep/m);

    const pid = Number(await docker("inspect", "-f", "{{.State.Pid}}", "box"));
    assert.ok(pid > 1);
    process.kill(pid, "SIGKILL");

    assert.equal(await waited, "137");
    await assert.rejects(executed, { code: 137 });
    await told.expect(/^die 137$/m);
    assert.equal(
      await docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}", "box"),
      "exited 137 0",
    );
    assert.equal(await docker("logs", "box"), "begun");
    await docker("start", "box");
    assert.equal(await docker("exec", "box", "echo", "again"), "again");
    await docker("rm", "-f", "box");
    events.kill();
  });
});
