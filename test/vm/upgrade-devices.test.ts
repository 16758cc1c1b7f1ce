import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { anotherAgentImage, ANOTHER_VERSION } from "../support/agent-image.ts";
import { DhcpServer } from "../support/dhcp-server.ts";
import { useSegment } from "../support/network-segment.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";

/** Its leases are renewed every four seconds. */
const SERVER = ["--port=0", "--dhcp-range=192.0.2.50,192.0.2.60,2m", "--dhcp-option-force=option:T1,4"];

const NETWORK = "tap:tap0,mac=02:00:00:00:00:07,ipv4=dhcp";

describe("an agent with a vNIC and volumes that is upgraded", function () {
  this.timeout(240_000);
  const host = useHost();
  const segment = useSegment("upgrade", ["192.0.2.1/24"], 1);

  const succeed = async (...args: string[]): Promise<string> => {
    const { status, stdout, complaints } = await host.run(args, { program: segment.vch });
    assert.deepEqual([status, complaints], [0, []], args.join(" "));
    return stdout.toString();
  };
  const ask = (command: string): Promise<string> => succeed("exec", "devices", "sh", "-c", command);

  it("keeps both, renews the lease, and gives them back at the end", async () => {
    await using server = await DhcpServer.start(segment, SERVER);
    const another = await anotherAgentImage();
    const mounts = ["-v", "data:/data", "-v", "closed:/closed:ro", "--tmpfs", "/scratch"];
    await succeed(
      "run",
      "-d",
      "--name",
      "devices",
      "--network",
      NETWORK,
      ...mounts,
      DEMO_IMAGE,
      "sleep",
      "600",
    );
    const show = "ip -o -4 addr show dev eth0; ip route; grep -E ' /(data|closed|scratch) ' /proc/mounts";
    const before = await ask(`echo one > /data/file; echo two > /scratch/file; ${show}`);
    assert.match(before, /inet 192\.0\.2\.5\d\/24 .* \/data ext4 rw.* \/closed ext4 ro.*tmpfs \/scratch /s);
    // Twice: the second agent hands on what it has not made itself.
    for (const boot of [["--boot", another], []]) {
      const upgraded = await succeed("upgrade", ...boot, "devices");
      assert.match(upgraded, boot.length > 0 ? new RegExp(`agent ${ANOTHER_VERSION}`) : /^devices: agent /);
      assert.equal(await ask(show), before);
      assert.equal(await ask("cat /data/file /scratch/file"), "one\ntwo\n");
      // What was said so far is none of the renewed client's.
      await server.said.expect(/[^]*$/);
      await server.said.expect(/DHCPACK\(br0\) 192\.0\.2\.5\d/);
    }
    assert.equal(await ask("echo three >> /data/file && cat /data/file"), "one\nthree\n");
    await succeed("stop", "-t", "0", "devices");
    await server.said.expect(/DHCPRELEASE\(br0\) 192\.0\.2\.5\d 02:00:00:00:00:07/);
    const disk = host.state("volumes/data/disk.raw");
    // It was unmounted: else its journal would have to be replayed first.
    const superblock = execFileSync("dumpe2fs", ["-h", disk], { encoding: "utf8", stdio: "pipe" });
    assert.match(superblock, /^Filesystem state:\s+clean$/m);
    assert.doesNotMatch(superblock, /needs_recovery/);
    await succeed("rm", "devices");
  });
});
