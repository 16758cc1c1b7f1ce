import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeErofs } from "../../iso-build/agent-image/index.ts";
import { lendTo } from "../../src/hypervisor/qemu/lent-file.ts";
import { visitQmp } from "../../src/hypervisor/qemu/qmp-visit.ts";
import { TetherError } from "../../src/protocol/errors/index.ts";
import { STATE_VERSION } from "../../src/tether/state-store.ts";
import { anotherAgentImage } from "../support/agent-image.ts";
import { folderOf, guestOf } from "../support/guest-of.ts";
import { succeedOn } from "../support/vm-commands.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { machineRoom } from "../support/machine-room.ts";

/** Seconds until an agent that does not answer is given up; the others are handed back as soon as they fail. */
const SHORT_LIMIT_S = 10;
const USUAL_LIMIT_S = 60;

/** What the other agent does, what is told then, and how long it is waited for. */
const FAULTS: ReadonlyArray<readonly [fault: string, reason: RegExp, limitS: number]> = [
  [
    "does not know the state",
    new RegExp(`cannot take over: it keeps version ${STATE_VERSION} of the state, .* 0$`),
    USUAL_LIMIT_S,
  ],
  ["cannot read the state", /no such state$/, USUAL_LIMIT_S],
  ["aborts", /SIGABRT$/, USUAL_LIMIT_S],
  ["exits", /exit 3$/, USUAL_LIMIT_S],
  ["hangs", /not confirmed in time$/, SHORT_LIMIT_S],
];

describe("an upgrade that fails", function () {
  this.timeout(180_000);
  const host = useHost();
  const succeed = succeedOn(host);

  const refuse = async (args: readonly string[], complaint: RegExp): Promise<void> => {
    const { status, stdout, complaints } = await host.run(["upgrade", ...args]);
    assert.deepEqual([status, stdout.toString(), complaints.length], [1, "", 1], complaints.join("\n"));
    assert.match(complaints[0] ?? "", complaint);
  };

  it("says what to do when there is no such container, or it does not run", async () => {
    await refuse(["nobody"], /^vch: No such container: nobody$/);
    await succeed("create", "--name", "idle", DEMO_IMAGE, "true");
    await refuse(
      ["idle"],
      /^vch: Container [0-9a-f]{64} is not running: it gets the agent that vch has when it is started$/,
    );
    await succeed("rm", "idle");
  });

  describe("in a container that runs", () => {
    let another = "";
    let version = "";

    before(async () => {
      another = await anotherAgentImage();
      const script = "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.05; done";
      await succeed("run", "-d", "--name", "target", DEMO_IMAGE, "sh", "-c", script);
      version = await succeed("inspect", "-f", "{{.AgentVersion}}", "target");
    });

    after(async () => {
      await succeed("rm", "-f", "target");
    });

    /** The container goes on with the agent it had, and nothing is left of the other. */
    const assertUnharmed = async (): Promise<void> => {
      assert.equal(await succeed("inspect", "-f", "{{.AgentVersion}}", "target"), version);
      const guest =
        "grep -c erofs /proc/1/mounts; ls /sys/class/block | wc -l; ls /proc/1/root/run/tether/images";
      const [mounts, disks, ...images] = (
        await succeed("exec", "--privileged", "target", "sh", "-c", guest)
      ).split("\n");
      assert.deepEqual([mounts, disks, images], ["1", "2", [""]]);
      const lines = (await succeed("logs", "target")).split("\n").slice(0, -1);
      assert.deepEqual(
        lines,
        lines.map((_, index) => String(index + 1)),
      );
    };

    for (const [fault, reason, limitS] of FAULTS) {
      it(`because the other agent ${fault} costs nothing`, async () => {
        await succeed("exec", "target", "sh", "-c", `echo '${fault}' > /fault`);
        await refuse(
          ["--boot", another, "--time", String(limitS), "target"],
          new RegExp(`^vch: upgrade failed: .*${reason.source}`),
        );
        await assertUnharmed();
      });
    }

    it("because nobody confirms it is taken back, and the next one clears what was left", async () => {
      await succeed("exec", "target", "rm", "-f", "/fault");
      const folder = folderOf(host, "target");
      const disk = "agent-0-0123456789";
      await plug(folder, disk, join(another, "agent.erofs"), { readOnly: true });
      const takenBack = async (): Promise<number> => {
        const filters = ["--filter", "container=target", "--filter", "event=agent_restart"];
        const events = await succeed("events", "--since", "1h", "--until", "0s", ...filters);
        return events.split("upgrade failed: not confirmed in time").length;
      };
      const before = await takenBack();
      // As a vch that is killed as soon as it has asked.
      await request(
        { upgradeAgent: { diskSerial: disk, limitS: SHORT_LIMIT_S } },
        /the link to the container VM broke/,
      );
      while ((await takenBack()) === before) continue;
      await succeed("upgrade", "target");
      await succeed("exec", "target", "true");
      // The upgraded agent's own disk beside the two.
      assert.equal(
        await succeed("exec", "--privileged", "target", "sh", "-c", "ls /sys/class/block | wc -l"),
        "3\n",
      );
    });

    it("because the disk can be written is refused", async () => {
      const folder = folderOf(host, "target");
      const copy = host.file("writable.erofs");
      await makeErofs(makeTree("empty"), copy, "plain");
      const disk = "agent-1-0123456789";
      await plug(folder, disk, copy, { readOnly: false });
      await request({ upgradeAgent: { diskSerial: disk } }, /^the disk vd. is not read-only/);
      await request({ confirmUpgrade: {} }, /^there is no upgrade to confirm/);
      await request({ upgradeAgent: { diskSerial: "../etc" } }, /^a disk's serial number has/);
    });

    it("because the image holds no agent is refused", async () => {
      const empty = host.file("empty-image");
      mkdirSync(empty);
      await makeErofs(makeTree("nothing"), join(empty, "agent.erofs"), "plain");
      await refuse(
        ["--boot", empty, "target"],
        /^vch: upgrade failed: the image has no agent that can be executed/,
      );
      writeFileSync(join(empty, "agent.erofs"), Buffer.alloc(1024 * 1024));
      await refuse(["--boot", empty, "target"], /agent\.erofs is no agent image$/);
      await refuse(
        ["--boot", host.file("nowhere"), "target"],
        /the agent image is missing: no .*nowhere\/agent\.erofs/,
      );
    });
  });

  function makeTree(name: string): string {
    const tree = host.file(name);
    for (const folder of ["container", "dev", "proc", "run", "sys"])
      mkdirSync(join(tree, folder), { recursive: true });
    return tree;
  }

  async function plug(
    folder: string,
    name: string,
    filename: string,
    { readOnly }: { readonly readOnly: boolean },
  ): Promise<void> {
    const room = machineRoom(folder);
    await lendTo(room)(filename, readOnly ? "read" : "write", (lent) =>
      visitQmp(room, async (qmp) => {
        const file = { driver: "file", filename: lent };
        await qmp.execute("blockdev-add", { driver: "raw", "node-name": name, "read-only": readOnly, file });
        const bus = `agent-slot-${name.split("-")[1]}`;
        await qmp.execute("device_add", {
          driver: "virtio-blk-pci",
          bus,
          id: name,
          drive: name,
          serial: name,
        });
      }),
    );
  }

  async function request(
    body: Parameters<Awaited<ReturnType<typeof guestOf>>["connection"]["request"]>[0],
    complaint: RegExp,
  ): Promise<void> {
    await using guest = await guestOf(host, "target");
    await assert.rejects(
      guest.connection.request(body),
      (error) => error instanceof TetherError && complaint.test(error.message),
    );
  }
});
