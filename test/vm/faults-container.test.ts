import assert from "node:assert/strict";
import { loadavg } from "node:os";
import { succeedOn } from "../support/vm-commands.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { writeProgramImage } from "../support/vm-programs.ts";

/** Each of its processes starts two more, until none can be. */
const FORK_BOMB = "bomb() { bomb | bomb & }; bomb; sleep 1000";

/** What test/support/programs/orphans.c prints. */
const ORPHANS_TOLD = /^\d+ orphans in (\d+) ms, (\d+) looks, a zombie for (\d+) ms$/m;

describe("a container that takes all it can get", function () {
  this.timeout(120_000);
  const host = useHost();
  const succeed = succeedOn(host);
  const eventsOf = async (name: string): Promise<string[]> => {
    const text = await succeed("events", "--since", "1h", "--until", "0s", "--filter", `container=${name}`);
    return text.split("\n").map((line) => line.split(" ")[2] ?? "");
  };

  describe("of processes, by a fork bomb", () => {
    beforeEach(() => succeed("run", "-d", "--name", "bomb", DEMO_IMAGE, "sh", "-c", FORK_BOMB));
    afterEach(() => succeed("rm", "-f", "bomb"));

    it("still lists them, and is stopped", async () => {
      assert.match(await succeed("top", "bomb"), / sh -c bomb/);
      assert.equal(await succeed("stop", "-t", "1", "bomb"), "bomb\n");
      assert.equal(await succeed("inspect", "-f", "{{.State.Status}}", "bomb"), "exited\n");
    });

    it("is killed", async () => {
      await succeed("kill", "bomb");
      assert.equal(await succeed("wait", "bomb"), "137\n");
    });
  });

  describe("of processes, up to its own limit", () => {
    beforeEach(() => succeed("run", "-d", "--name", "few", "--pids-limit", "8", DEMO_IMAGE, "sleep", "1000"));
    afterEach(() => succeed("rm", "-f", "few"));

    it("is refused more with EAGAIN; its execs count, and get in all the same", async () => {
      assert.equal(await succeed("inspect", "-f", "{{.HostConfig.PidsLimit}}", "few"), "8\n");
      const more = "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait";
      // The shell and the container's own process are two of the eight.
      const { status, complaints } = await host.run(["exec", "few", "sh", "-c", more]);
      assert.equal(status, 2);
      assert.match(complaints.join(), /can't fork: Resource temporarily unavailable/);
      // The shell has gone; its six are left.
      const listed = (): Promise<string> => succeed("top", "few");
      assert.equal((await listed()).match(/ sleep 1000\n/g)?.length, 7);
      await succeed("exec", "-d", "few", "sleep", "1000");
      assert.equal((await listed()).match(/ sleep 1000\n/g)?.length, 8);
      assert.equal(await succeed("exec", "few", "echo", "in"), "in\n");
      assert.notEqual((await host.run(["exec", "few", "sh", "-c", "true & wait"])).status, 0);
      assert.equal(await succeed("stop", "-t", "1", "few"), "few\n");
    });
  });

  describe("of memory", () => {
    it("is ended with 137, and it is told why", async () => {
      const { status } = await host.run(["run", "--name", "hog", DEMO_IMAGE, "tail", "/dev/zero"]);
      assert.equal(status, 137);
      const state = "{{.State.OOMKilled}} {{.State.Status}} {{.State.ExitCode}}";
      assert.equal(await succeed("inspect", "-f", state, "hog"), "true exited 137\n");
      const events = await eventsOf("hog");
      assert(events.includes("oom"), events.join(" "));
      await succeed("rm", "hog");
    });

    it("in an exec goes on without that", async () => {
      await succeed("run", "-d", "--name", "host", DEMO_IMAGE, "sleep", "1000");
      for (let count = 0; count < 2; count++) {
        assert.equal((await host.run(["exec", "host", "tail", "/dev/zero"])).status, 137);
        assert.equal(await succeed("exec", "host", "echo", "alive"), "alive\n");
      }
      const events = await eventsOf("host");
      assert.equal(events.filter((name) => name === "oom").length, 2, events.join(" "));
      assert.equal(await succeed("inspect", "-f", "{{.State.Status}}", "host"), "running\n");
      await succeed("rm", "-f", "host");
    });
  });

  describe("by orphaning processes", () => {
    let image: string;
    before(async () => (image = await writeProgramImage(host, "orphans")));
    beforeEach(() => succeed("run", "-d", "--name", "orphanage", image, "sleep", "1000"));
    afterEach(() => succeed("rm", "-f", "orphanage"));

    it("1,000 a second for ten seconds, leaves none a zombie for 100 ms", async () => {
      const told = await succeed("exec", "orphanage", "orphans", "1000", "10");
      const [, tookMs, looks, zombieMs] = ORPHANS_TOLD.exec(told) ?? [];
      assert(Number(zombieMs) < 100 && Number(looks) > 100, told);
      assert(Number(tookMs) < 11_000, `${told} (the machine's own load: ${loadavg()[0]})`);
    });

    it("as fast as it can, still has its execs carried out", async () => {
      const flood = host.start(["exec", "orphanage", "orphans", "5000", "10"]);
      const over = new AbortController();
      const finished = flood.finished.finally(() => over.abort());
      let served = 0;
      for (; !over.signal.aborted; served += 1)
        assert.equal(await succeed("exec", "orphanage", "echo", "alive"), "alive\n");
      const told = (await finished).stdout.toString();
      assert.match(told, ORPHANS_TOLD);
      assert(served > 5, `${served} execs beside ${told}`);
    });
  });
});
