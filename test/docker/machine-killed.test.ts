import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { promisify } from "node:util";
import { DOCKER } from "../support/dockerd.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Watched } from "../support/vm-watched.ts";

const execute = promisify(execFile);

describe("a container whose QEMU is killed", function () {
  this.timeout(180_000);
  let endpoint: Call | undefined;

  after(async () => {
    endpoint?.process.kill("SIGTERM");
    assert.equal((await endpoint?.finished)?.status, 0);
  });

  const host = useHost();

  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    DOCKER_HOST: `unix://${host.file("sock")}`,
    DOCKER_CONFIG: host.file("config"),
  });
  const docker = async (...words: string[]): Promise<string> =>
    (await execute(DOCKER, words, { env: environment() })).stdout.trim();

  it("has ended with 137: for whoever waits, looks, or listens, and it can be started again", async () => {
    mkdirSync(host.file("config"));
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST/);
    const archive = host.file("demo.tar");
    const copy = ["--insecure-policy", "copy", "-q", DEMO_IMAGE, `docker-archive:${archive}:demo:1`];
    await execute("skopeo", copy);
    await docker("load", "-i", archive);
    const events = spawn(DOCKER, ["events", "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}"], {
      env: environment(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const told = new Watched(events.stdout);
    const script = "echo begun; exec sleep 1000000";
    await docker("run", "-d", "--name", "box", "--network", "none", "demo:1", "sh", "-c", script);
    const waited = docker("wait", "box");
    const executed = execute(DOCKER, ["exec", "box", "sleep", "1000000"], { env: environment() });
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
