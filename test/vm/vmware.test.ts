import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { qemuShim } from "../support/qemu-shim.ts";
import { ROOT, useHost } from "../support/vm-host.ts";
import { writeProgramImage } from "../support/vm-programs.ts";
import { vmwareAgentImage } from "../support/vmware/agent-image.ts";

const KEYS = ["guestinfo.tether.key", "guestinfo.tether/config", "guestinfo.tether.status"];

/** As a vSphere driver does before it powers the VM on. */
const WRITE_KEYS = `${process.execPath} ${join(ROOT, "test/support/vmware/write-keys.ts")} "$config" keys`;

describe("a container VM on VMware, whose backdoor is emulated in it", function () {
  this.timeout(180_000);
  const host = useHost();
  let image: string;
  let agentImage: string;

  before(async () => {
    const folder = host.file("vmware");
    mkdirSync(folder);
    image = await writeProgramImage(host, "ask-backdoor");
    agentImage = await vmwareAgentImage(folder);
  });

  /** @param writeKeys a line of bash that fills the folder `keys`. */
  const machine = (name: string, writeKeys: string) => {
    const disk = host.file(`${name}.img`);
    // Without a journal, which nobody replays for debugfs.
    const change = `
      mkdir -p keys
      ${writeKeys}
      mke2fs -q -t ext4 -O ^has_journal -d keys ${disk} 16M
      for index in "\${!args[@]}"; do
        case "\${args[index]}" in if=none,id=agent,*)
          args[index]="if=none,id=agent,format=raw,read-only=on,file=${agentImage}";;
        esac
      done
      args+=(-drive if=none,id=keys,format=raw,file=${disk} -device virtio-blk-pci,drive=keys)`;
    const environment = qemuShim(host, name, change);
    // Not with --rm: the keys are on a disk of the VM's here, so it has to come to its own end.
    const run = (...command: string[]) =>
      host.run(["run", "--start", "cold", "--name", name, "--hostname", "web", image, ...command], {
        environment,
      });
    /** What a vSphere administrator sees afterwards. */
    const keyOf = (key: string): string =>
      execFileSync("debugfs", ["-R", `cat /${key.replaceAll("/", "%2F")}`, disk], {
        encoding: "utf8",
        stdio: "pipe",
      });
    return { run, keyOf };
  };

  it("finds its document, reports how its process ended, and keeps its secrets from the container", async () => {
    const { run, keyOf } = machine("on_vmware", WRITE_KEYS);
    const script = `ask-backdoor ${KEYS.join(" ")}; exit 7`;
    const { status, stdout, complaints } = await run("sh", "-c", script);
    assert.deepEqual([status, complaints], [7, []], stdout.toString());
    const [key, document, running] = stdout.toString().split("\n");
    assert.equal(key, "guestinfo.tether.key: 1  ");
    assert.match(document ?? "", /^guestinfo\.tether\/config: 1 sealed:v1:[A-Za-z0-9+/=]+$/);
    assert.match(running ?? "", /^guestinfo\.tether\.status: 1 \{"version":1,/);

    const record = JSON.parse(keyOf("guestinfo.tether.status"));
    assert.deepEqual(
      [record.state, record.exitCode, record.hostname, record.restarts, record.secrets],
      ["exited", 7, "web", 0, "erased"],
    );
    assert.ok(record.started <= record.stopped);
    assert.equal(keyOf("guestinfo.tether.status.exit_code"), "7");
    assert.equal(keyOf("guestinfo.tether.key"), " ");
    assert.equal((await host.run(["rm", "on_vmware"])).status, 0);
  });

  it("tells its user and guestinfo why there is no container", async () => {
    const { run, keyOf } = machine("without_document", "");
    const { status, complaints } = await run("true");
    assert.equal(status, 125);
    const places =
      "fw_cfg (opt/tether/config), guestinfo (guestinfo.tether/config), a file (kernel word tether.config=)";
    const message = `no configuration: it was looked for in ${places}`;
    assert.ok(complaints.join("\n").includes(message), complaints.join("\n"));
    const { state, error } = JSON.parse(keyOf("guestinfo.tether.status"));
    assert.deepEqual({ state, error }, { state: "failed", error: { code: "guest-initialisation", message } });
    assert.equal(keyOf("guestinfo.tether.status.error"), `guest-initialisation: ${message}`);
    assert.equal((await host.run(["rm", "without_document"])).status, 0);
  });
});
