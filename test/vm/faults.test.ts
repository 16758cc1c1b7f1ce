import assert from "node:assert/strict";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";

describe("a container VM in which something goes wrong", function () {
  this.timeout(120_000);
  const host = useHost();

  /** What a vch prints that does what it should and has nothing to complain of. */
  const succeed = async (...args: string[]): Promise<string> => {
    const { status, stdout, complaints } = await host.run(args);
    assert.deepEqual([status, complaints], [0, []], args.join(" "));
    return stdout.toString();
  };
  describe("the agent, again and again", () => {
    describe("while commands are executed", () => {
      before(() => succeed("run", "-d", "--name", "target", DEMO_IMAGE, "sleep", "1000"));
      after(() => succeed("rm", "-f", "target"));

      it("reports the status of those that end meanwhile", async () => {
        for (const code of [4, 5]) {
          const { status } = await host.run(["exec", "target", "sh", "-c", `kill -BUS 1; exit ${code}`]);
          assert.equal(status, code);
        }
      });
    });

    it("reports the status of a process that ends meanwhile", async () => {
      const ends = (script: string): Promise<number> =>
        host.run(["run", "--rm", DEMO_IMAGE, "sh", "-c", script]).then(({ status }) => status);
      assert.equal(await ends("kill -SEGV 1; exit 6"), 6);
      assert.equal(await ends("sleep 1; kill -ABRT 1; kill -9 $$"), 137);
    });

    it("starts a process again by its restart policy, as often as that says", async () => {
      const script = "echo run; kill -SEGV 1; exit 9";
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
        script,
      );
      assert.equal(await succeed("wait", "again"), "9\n");
      assert.equal(await succeed("inspect", "-f", "{{.RestartCount}}", "again"), "2\n");
      assert.equal(await succeed("logs", "again"), "run\nrun\nrun\n");
      await succeed("rm", "again");
    });
  });
});
