import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { DOCKER } from "../support/dockerd.ts";
import { run, type Said } from "../support/said.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";

const execute = promisify(execFile);

/** How often; `TETHER_ENDPOINT_KILLS=100` shows more. */
const KILLS = Number(process.env["TETHER_ENDPOINT_KILLS"] ?? 6);

/** It is killed after some time up to this: everything that a container goes through is as long. */
const LONGEST_LIFE_MS = 2500;

/** A command of docker's that had an endpoint from its beginning to its end, or had not. */
interface Answer extends Said {
  readonly isCutOff: boolean;
}

describe("an endpoint that is killed at any moment", function () {
  this.timeout(60_000 + KILLS * 20_000);
  let endpoint: Call | undefined;
  /** One more with each that was killed. */
  let generation = 0;
  let ready = Promise.resolve();

  after(async () => {
    endpoint?.process.kill("SIGTERM");
    assert.equal((await endpoint?.finished)?.status, 0);
  });

  const host = useHost();

  const serve = async (): Promise<void> => {
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST/);
  };
  const kill = async (): Promise<void> => {
    const killed = endpoint;
    const restarted = Promise.withResolvers<void>();
    ready = restarted.promise;
    generation += 1;
    killed?.process.kill("SIGKILL");
    await killed?.finished;
    await serve();
    restarted.resolve();
  };

  const docker = async (...words: string[]): Promise<Answer> => {
    await ready;
    const before = generation;
    const environment = {
      ...process.env,
      DOCKER_HOST: `unix://${host.file("sock")}`,
      DOCKER_CONFIG: host.file("config"),
    };
    return { ...(await run(DOCKER, words, environment)), isCutOff: generation !== before };
  };

  /** Asks again until an endpoint has lived long enough; for what changes nothing. */
  const ask = async (...words: string[]): Promise<Answer> => {
    for (;;) {
      const said = await docker(...words);
      if (said.isCutOff) continue;
      assert.equal(said.status, 0, `docker ${words.join(" ")}: ${said.err}`);
      return said;
    }
  };

  /** Does it again when an endpoint was killed meanwhile and it has not been done. */
  const insist = async (isDone: () => Promise<boolean>, ...words: string[]): Promise<void> => {
    for (;;) {
      const { status, err, isCutOff } = await docker(...words);
      if (status === 0) return;
      assert.ok(isCutOff, `docker ${words.join(" ")}: ${err}`);
      if (await isDone()) return;
    }
  };

  const statusOf = async (name: string): Promise<string> =>
    (await ask("ps", "-a", "--filter", `name=^/${name}$`, "--format", "{{.State}}")).out.trim();

  /** All that a container goes through, as its user sees it. */
  const live = async (number: number): Promise<void> => {
    const [name, code] = [`c${number}`, number % 5];
    const script = `echo out ${number}; echo error ${number} >&2; exit ${code}`;
    const create = ["create", "--name", name, "--network", "none", "demo:1", "sh", "-c", script];
    await insist(async () => (await statusOf(name)) !== "", ...create);
    await insist(async () => (await statusOf(name)) !== "created", "start", name);
    assert.equal((await ask("wait", name)).out, `${code}\n`, `the status of ${name}`);
    const { out, err } = await ask("logs", name);
    assert.deepEqual({ out, err }, { out: `out ${number}\n`, err: `error ${number}\n` });
    const { out: state } = await ask("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
    assert.equal(state, `exited ${code}\n`);
    await insist(async () => (await statusOf(name)) === "", "rm", name);
  };

  it("loses no container, tells no wrong status, and leaves nothing behind", async () => {
    const archive = host.file("demo.tar");
    mkdirSync(host.file("config"));
    await execute("skopeo", [
      ...["--insecure-policy", "copy", "-q", DEMO_IMAGE, `docker-archive:${archive}:demo:1`],
    ]);
    await serve();
    await ask("load", "-i", archive);
    rmSync(archive);
    await ask("run", "-d", "--name", "keeper", "--network", "none", "demo:1", "sleep", "100000");
    const { out: started } = await ask("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "keeper");

    const over = new AbortController();
    const work = async (step: (number: number) => Promise<void>): Promise<number> => {
      let number = 0;
      while (!over.signal.aborted) await step((number += 1));
      return number;
    };
    const killing = (async () => {
      for (let count = 0; count < KILLS; count += 1) {
        await pause(Math.random() * LONGEST_LIFE_MS);
        await kill();
      }
    })().finally(() => over.abort());
    const [lives, execs] = await Promise.all([
      work(live),
      work(async (number) => {
        // A command runs at least once, and each time to its end.
        const { out } = await ask("exec", "keeper", "sh", "-c", `echo ${number} | tee -a /told`);
        assert.equal(out, `${number}\n`);
      }),
      killing,
    ]);

    assert.ok(lives > 0 && execs > 0);
    const { out: told } = await ask("exec", "keeper", "sh", "-c", "uniq /told | wc -l");
    assert.equal(Number(told), execs);
    assert.equal(
      (await ask("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "keeper")).out,
      started,
      "it has been running all the time",
    );
    await ask("rm", "-f", "keeper");
    assert.equal((await ask("ps", "-aq")).out, "");
  });
});
