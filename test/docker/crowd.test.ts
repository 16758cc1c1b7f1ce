import assert from "node:assert/strict";
import { DOCKER } from "../support/dockerd.ts";
import { useServedHost } from "../support/served-host.ts";

/** How many containers; `TETHER_CROWD=50` shows more. */
const COUNT = Number(process.env["TETHER_CROWD"] ?? 12);

describe("a crowd of containers", function () {
  this.timeout(120_000 + COUNT * 30_000);
  const served = useServedHost();
  const names = Array.from({ length: COUNT }, (_, index) => `c${index}`);

  /** A command of docker's for each container, all at the same moment. */
  const each = (...words: string[]): Promise<string[]> =>
    Promise.all(names.map((name) => served.done(...words.map((word) => word.replace("NAME", name)))));

  it("is started at once, and each of it does what it is asked, as if it were alone", async () => {
    const size = ["-m", "128m", "--network", "none"];
    const script = "trap 'exit 7' TERM; echo NAME; sleep 1000000 & wait";
    await each("run", "-d", "--name", "NAME", ...size, "demo:1", "sh", "-c", script);
    assert.equal((await served.done("ps", "-q")).split("\n").length, COUNT);
    assert.deepEqual(
      await each("exec", "NAME", "echo", "to NAME"),
      names.map((name) => `to ${name}`),
    );
    assert.deepEqual(await each("logs", "NAME"), names);
    await each("stop", "-t", "300", "NAME");
    const states = await each("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "NAME");
    assert.deepEqual(new Set(states), new Set(["exited 7"]));
    await each("rm", "NAME");
    assert.equal(await served.done("ps", "-aq"), "");
  });

  it("is removed by force while it is being started, and nothing of it is left", async () => {
    const made = await each("create", "--name", "NAME", "-m", "128m", "--network", "none", "demo:1", "cat");
    const starts = made.map((id) => served.call(DOCKER, ["start", id]));
    await each("rm", "-f", "NAME");
    await Promise.all(starts);
    assert.equal(await served.done("ps", "-aq"), "");
  });
});
