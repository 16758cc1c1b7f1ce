import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  CONFIGURATION_KEY,
  makeSealKey,
  parseSealKey,
  SEAL_KEY,
  sealText,
} from "../../../src/protocol/guestinfo/index.ts";
import { tether } from "../../../src/protocol/generated/stats.js";
import { EventLog } from "../../../src/tether/event-log.ts";
import { Stages } from "../../../src/tether/stages.ts";
import { openVmware } from "../../../src/tether/vmware-guest.ts";
import { SystemCallError } from "../../../src/system/system-call-error.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { KernelFolders } from "../../support/kernel-folders.ts";
import { RecordingSystem } from "../../support/recording-system.ts";
import { runOnVmware } from "../../support/vmware/agent-code.ts";
import { RPCTOOL } from "../../support/vmware/peers.ts";
import { VmwareHost } from "../../support/vmware/emulator.ts";

const src = fileURLToPath(new URL("../../../src/", import.meta.url));

/** No console: descriptor of nothing. */
const NOWHERE = -1;

describe("an agent that finds itself on VMware", function () {
  this.timeout(60_000);

  it("reads its document there, and reports what becomes of the container", async () => {
    using host = new VmwareHost();
    const key = makeSealKey();
    host.set(SEAL_KEY, key);
    host.set(CONFIGURATION_KEY, sealText(Buffer.from("the document"), parseSealKey(key) ?? Buffer.alloc(0)));
    const source = `
      const { openVmware } = await import("${src}tether/vmware-guest.ts");
      const { findConfiguration } = await import("${src}tether/configuration/find-configuration.ts");
      const { EventLog } = await import("${src}tether/event-log.ts");
      const { Stages } = await import("${src}tether/stages.ts");
      const events = new EventLog(), stages = new Stages(2);
      // On VMware no fw_cfg answers; these ports are this machine's own here.
      const noFwCfg = new Proxy(system, { get: (target, name) =>
        name === "readFwCfg" ? () => undefined : target[name].bind(target) });
      const vmware = await openVmware(noFwCfg, stages, events, keyFile);
      const { document, source } = await findConfiguration(noFwCfg, vmware.source);
      stages.reached("configured");
      vmware.configured("web");
      events.record({ started: { pid: 7 } }, "");
      stages.reached("process started");
      await vmware.flush();
      const running = await guestinfo.get("guestinfo.tether.status");
      events.record({ exited: { code: 0, signal: 9, outOfMemory: true } }, "");
      await vmware.flush();
      result([Buffer.from(document).toString(), source.name, JSON.parse(running).state]);`;
    const seen = await runOnVmware(host, source);
    assert.deepEqual(seen, ["the document", "guestinfo (guestinfo.tether/config)", "running"]);
    const record = JSON.parse(host.get("guestinfo.tether.status") ?? "");
    assert.equal(record.state, "exited");
    assert.equal(record.signal, "SIGKILL");
    assert.equal(record.secrets, "erased");
    assert.equal(host.get("guestinfo.tether.status.signal"), "SIGKILL");
    assert.equal(host.get("guestinfo.tether.status.exit_code"), " ");
    assert.equal(host.get("guestinfo.tether.status.stage"), "process started");
    assert.equal(host.get("guestinfo.tether.status.hostname"), "web");
    assert.equal(host.get(SEAL_KEY), " ");
  });

  it("writes statistics into guestinfo, which VMware's own tool reads", async () => {
    using host = new VmwareHost();
    using folders = new KernelFolders();
    const source = `
      const { openVmware } = await import("${src}tether/vmware-guest.ts");
      const { AgentStatistics } = await import("${src}tether/statistics/agent-statistics.ts");
      const { EventLog } = await import("${src}tether/event-log.ts");
      const { Stages } = await import("${src}tether/stages.ts");
      const folder = ${JSON.stringify(folders.folder)};
      const statistics = new AgentStatistics({
        system, volumes: () => [], stateFolder: folder + "/state",
        folders: Object.fromEntries(["container", "tether", "proc", "sys"].map((name) => [name, folder + "/" + name])),
      });
      const vmware = await openVmware(system, new Stages(2), new EventLog(), keyFile);
      await vmware.publishStatistics(statistics, 100);
      // The time is written last.
      while ((await guestinfo.get("guestinfo.tether.stats.time")) === undefined)
        await new Promise((resolve) => setTimeout(resolve, 50));
      fs.writeFileSync(folder + "/container/pids.current", "6\\n");
      while ((await guestinfo.get("guestinfo.tether.stats.pids")) !== "6")
        await new Promise((resolve) => setTimeout(resolve, 50));
      const tool = spawnSync("${RPCTOOL}", ["info-get guestinfo.tether.stats.memory_used_bytes"], { encoding: "utf8" });
      result(tool.stdout.trim());`;
    assert.equal(await runOnVmware(host, source), String(73_400_320 - 1_048_576));
    const sample = Buffer.from(host.get("guestinfo.tether.stats.sample") ?? "", "base64");
    assert.equal(tether.stats.Sample.decode(sample).containerMemory?.oomKills, 4);
    assert.equal(host.get("guestinfo.tether.stats.oom_kills"), "4");
  });

  it("finds a newer document that the host sets, and reports what became of it", async () => {
    using host = new VmwareHost();
    const key = makeSealKey();
    const sealed = (text: string): string =>
      sealText(Buffer.from(text), parseSealKey(key) ?? Buffer.alloc(0));
    host.set(SEAL_KEY, key);
    host.set(CONFIGURATION_KEY, sealed("the first"));
    const source = `
      const { openVmware } = await import("${src}tether/vmware-guest.ts");
      const { EventLog } = await import("${src}tether/event-log.ts");
      const { Stages } = await import("${src}tether/stages.ts");
      const vmware = await openVmware(system, new Stages(2), new EventLog(), keyFile, { everyMs: 20 });
      await vmware.source.read();
      const applied = [];
      const both = Promise.withResolvers();
      vmware.watch(() => true, async (document) => {
        applied.push(Buffer.from(document).toString());
        // So that the test sees it.
        await guestinfo.set("guestinfo.test", applied.join());
        if (applied.length === 2) both.resolve();
        return applied.length === 1 ? [] : ["set resolver"];
      });
      const keepsAlive = setInterval(() => {}, 1000);
      await both.promise;
      // The outcome is reported behind it.
      await new Promise((resolve) => setImmediate(resolve));
      await vmware.flush();
      clearInterval(keepsAlive);
      result(applied);`;
    const running = runOnVmware(host, source);
    await until(() => host.get("guestinfo.test") === "the first");
    host.set(CONFIGURATION_KEY, sealed("the second"));
    assert.deepEqual(await running, ["the first", "the second"]);
    const { reload } = JSON.parse(host.get("guestinfo.tether.status") ?? "");
    assert.deepEqual(reload.changes, ["set resolver"]);
    assert.equal(host.get("guestinfo.tether.status.reload"), "set resolver");
  });

  it("is told of what happened to its container before it took over", async () => {
    using host = new VmwareHost();
    const source = `
      const { openVmware } = await import("${src}tether/vmware-guest.ts");
      const { EventLog } = await import("${src}tether/event-log.ts");
      const { Stages } = await import("${src}tether/stages.ts");
      const events = new EventLog();
      events.record({ started: { pid: 7 } }, "");
      const vmware = await openVmware(system, new Stages(2), events, keyFile);
      vmware.configured("web");
      await vmware.flush();
      result(JSON.parse(await guestinfo.get("guestinfo.tether.status")));`;
    const record = (await runOnVmware(host, source)) as Record<string, unknown>;
    assert.deepEqual([record["state"], record["pid"], record["hostname"]], ["running", 7, "web"]);
    assert.equal("secrets" in record, false);
  });

  it("does nothing elsewhere", async () => {
    const system = new RecordingSystem();
    assert.equal(await openVmware(system, new Stages(NOWHERE), new EventLog()), undefined);
    assert.deepEqual(system.calls, [{ call: "probeBackdoor", args: [] }]);
  });

  it("says what is wrong with a backdoor that cannot be used", async () => {
    const system = new RecordingSystem().answer("probeBackdoor", () => {
      throw new SystemCallError("EOPNOTSUPP", -95, "in", "Operation not supported");
    });
    await assert.rejects(
      openVmware(system, new Stages(NOWHERE), new EventLog()),
      catalogueError("guest-initialisation", /on VMware.*switched off.*encrypted.*EOPNOTSUPP/),
    );
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
