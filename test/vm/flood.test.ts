import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import { ATTACH_COMMAND } from "../../src/protocol/link-names.ts";
import { machineSpecification } from "../support/machine-specification.ts";
import { writeInitramfs } from "../support/vm-breakages.ts";
import { ROOT, useHost } from "../support/vm-host.ts";
import { startShellMachine } from "../support/vm-machine.ts";
import { machineDriver } from "../support/machine-driver.ts";

const CONSOLE_LIMIT_BYTES = 256 * 1024;
/** The disk grows a little at its start, too. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/** There is no agent that would keep a limit. */
const FLOOD = "/bin/busybox yes a hostile guest | /bin/busybox head -c 600000; /bin/busybox poweroff -f";

describe("a guest that writes without end", function () {
  this.timeout(120_000);
  const host = useHost();

  it("fills its console no further than its machine's limit", async () => {
    const folder = host.file("flood");
    mkdirSync(folder);
    const file = (name: string): string => `${folder}/${name}`;
    writeFileSync(file("config"), "");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file("disk.qcow2"), "1M"]);
    const machine = await machineDriver().start(
      machineSpecification(folder, {
        boot: {
          from: "kernel",
          kernel: `${ROOT}/build/boot/vmlinuz`,
          initramfs: writeInitramfs(host.file("flood.cpio"), FLOOD),
          agentImage: `${ROOT}/build/boot/agent.erofs`,
        },
        kernelCommandLine: "console=ttyS0 quiet rdinit=/init",
        memoryBytes: 256 * 1024 * 1024,
        fileLimitBytes: CONSOLE_LIMIT_BYTES,
      }),
      { signal: new AbortController().signal },
    );
    assert.deepEqual(await machine.ended, { reason: "powered-off" });
    assert.equal(statSync(file("console.log")).size, CONSOLE_LIMIT_BYTES);
  });

  it("fills its log no further, and is ended", async () => {
    const fileLimitBytes = LOG_LIMIT_BYTES;
    const { machine, keys, running } = await startShellMachine(host, { start: "cold", fileLimitBytes });
    const { signal } = new AbortController();
    const connection = await GuestConnection.open(await machine.connectLink(), keys, () => {}, signal);
    // This agent knows of no limit.
    const channel = await connection.execute(`${ATTACH_COMMAND} 0 0`, undefined);
    channel.resume().write("head -c 40000000 /dev/zero; poweroff -f\n");
    assert.deepEqual(await machine.ended, { reason: "lost" });
    assert.equal(statSync(join(running.folder, "log")).size, LOG_LIMIT_BYTES);
  });
});
