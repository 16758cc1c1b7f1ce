import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ContainerRecord,
  ContainerStore,
  openStateFolder,
} from "../../src/portlayer/execution/index.ts";
import type { Facts } from "../../src/portlayer/statistics/index.ts";
import { useSegment } from "../support/network-segment.ts";
import { succeedOn } from "../support/vm-commands.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Terminal } from "../support/vm-terminal.ts";

const NAME = "busy";

/** One of two CPUs is busy; 20 MiB are held, and 8 MiB written, before that. */
const LOAD = [
  "head -c 20m /dev/zero | tail -c 20m > /dev/shm/held",
  "dd if=/dev/zero of=/written bs=1M count=8 conv=fsync 2> /dev/null",
  "echo loaded",
  "while :; do :; done",
].join("; ");

/** What a JSON line of `vch stats` has. */
type Row = Record<"Name" | "CPUPerc" | "MemUsage" | "BlockIO" | "NetIO" | "PIDs" | "ID", string>;

type MachineFacts = Facts & { readonly Name: string };

const MEBI = { KiB: 1 / 1024, MiB: 1, GiB: 1024 } as const;

describe("vch stats and vch metrics", function () {
  this.timeout(120_000);
  // Before the host looks at what is left.
  after(() => host.run(["rm", "-f", NAME, "stopped"]));
  const host = useHost();
  const segment = useSegment("stats-commands", ["192.0.2.1/24"], 1);
  const succeed = succeedOn(host);

  before(async () => {
    const options = ["--name", NAME, "--cpus", "2", "-m", "512m", "--network", "tap:tap0,ip=192.0.2.7/24"];
    const words = ["run", "-d", ...options, DEMO_IMAGE, "sh", "-c", LOAD];
    const { status, stderr } = await host.run(words, { program: segment.vch });
    assert.equal(status, 0, stderr.toString());
    await succeed("create", "--name", "stopped", DEMO_IMAGE);
    for (let text = ""; !text.includes("loaded"); await sleep(200)) text = await succeed("logs", NAME);
    // The first whole second of the loop.
    await sleep(2_000);
  });

  const readRecord = (id: string): ContainerRecord =>
    new ContainerStore(openStateFolder({ VCH_STATE: host.state() })).find(id);
  const rowOf = (text: string): Row => JSON.parse(text) as Row;

  it("show what the container uses, once", async () => {
    const row = rowOf(await succeed("stats", "--no-stream", "--format", "json"));
    assert.equal(row.Name, NAME);
    assert(Math.abs(Number.parseFloat(row.CPUPerc) - 100) < 15, row.CPUPerc);
    const [, used = "", unit = ""] = /^([\d.]+)(KiB|MiB|GiB) \/ /.exec(row.MemUsage) ?? [];
    const usedMebibytes = Number(used) * (MEBI[unit as keyof typeof MEBI] ?? Number.NaN);
    assert(usedMebibytes > 20 && usedMebibytes < 26, row.MemUsage);
    assert.match(row.BlockIO, /^[\d.]+[kM]?B \/ (8\.\d+|9\.\d+)MB$/);
    assert.equal(row.PIDs, "1");
  });

  it("count what its vNIC has received and sent", async () => {
    const net = async (): Promise<number[]> => {
      const text = rowOf(await succeed("stats", "--no-stream", "--format", "json", NAME)).NetIO;
      const units = { B: 1, kB: 1_000, MB: 1_000_000 } as const;
      const sizes = [...text.matchAll(/([\d.]+)(B|kB|MB)/g)];
      return sizes.map(([, number, unit]) => Number(number) * units[unit as keyof typeof units]);
    };
    const before = await net();
    await succeed("exec", NAME, "ping", "-c", "5", "-i", "0.2", "-s", "1200", "192.0.2.1");
    const after = await net();
    for (const side of [0, 1]) {
      const grown = (after[side] ?? 0) - (before[side] ?? 0);
      // Five packets of 1,242 bytes, and a little for ARP; three digits are shown.
      assert(grown > 6_000 && grown < 8_000, `${before.join()} to ${after.join()}`);
    }
  });

  it("say what the machine is, as /proc and /sys do", async () => {
    const [{ Name, operatingSystem, firmware, hardware, processor, networkCards, disks, fileSystems }] =
      JSON.parse(await succeed("stats", "--facts", NAME)) as [MachineFacts];
    const files =
      "/proc/sys/kernel/osrelease /sys/class/dmi/id/bios_version /sys/class/dmi/id/sys_vendor /sys/class/net/eth0/address";
    const byHand = await succeed("exec", NAME, "sh", "-c", `cat ${files}; grep -c ^processor /proc/cpuinfo`);
    assert.deepEqual(
      [operatingSystem.release, firmware.version, hardware.vendor, networkCards[0]?.macAddress],
      byHand.trim().split("\n").slice(0, 4),
    );
    assert.deepEqual([Name, String(processor.count)], [NAME, byHand.trim().split("\n")[4]]);
    assert.equal(networkCards[0]?.driver, "virtio_net");
    assert.deepEqual([fileSystems[0]?.mountPoint, fileSystems[0]?.type], ["/", "ext4"]);
    assert(disks.some(({ sizeBytes }) => (sizeBytes ?? 0) > 1_000_000_000));
    const { status, complaints } = await host.run(["stats", "--facts", "stopped"]);
    assert.equal(status, 1);
    assert.match(complaints.join(), /not running/);
  });

  it("show dashes for a container that does not run, and refuse one that is not there", async () => {
    const both = await succeed("stats", "-a", "--no-stream", "--format", "{{.Name}} {{.PIDs}}");
    assert.deepEqual(both.trim().split("\n").sort(), [`${NAME} 1`, "stopped --"]);
    const { status, stdout, complaints } = await host.run(["stats", "--no-stream", "nosuch"]);
    assert.deepEqual([status, stdout.toString()], [1, ""]);
    assert.match(complaints.join(), /No such container: nosuch/);
  });

  it("show it live in place, until ^C, which leaves the terminal as it was", async () => {
    const command =
      'trap : INT; before=$(stty -g); bin/vch stats; echo status $?; [ "$before" = "$(stty -g)" ] && echo restored';
    const terminal = new Terminal(host, command, { columns: 130, rows: 20 });
    try {
      const line = `${NAME} +[\\d.]+% +[\\d.]+MiB / [\\d.]+MiB +[\\d.]+%`;
      await terminal.screen.expect(new RegExp(`\\x1b\\[2J\\x1b\\[HCONTAINER ID .*\r\n[0-9a-f]{12} +${line}`));
      // In place: without clearing the screen again.
      await terminal.screen.expect(new RegExp(`^[^]*\\x1b\\[HCONTAINER ID .*\r\n[0-9a-f]{12} +${line}`));
      terminal.type("\x03");
      await terminal.screen.expect(/status 130\r\n/);
      await terminal.screen.expect(/restored\r\n/);
      assert.equal(terminal.screen.text.split("\x1b[2J").length, 2);
    } finally {
      terminal.close();
    }
  });

  it("record it, and draw the recording", async () => {
    const [recording, png, svg] = [host.file("run.stats"), host.file("run.png"), host.file("run.svg")];
    await succeed("stats", "--record", recording, "--plot", svg, "--duration", "4s", NAME);
    await succeed("stats", "--from", recording, "--plot", png);
    assert.match(readFileSync(svg, "utf8"), new RegExp(`>${NAME}, from 20`));
    assert.equal(readFileSync(png).subarray(1, 4).toString(), "PNG");
    const again = await host.run(["stats", "--record", recording]);
    assert.match(again.complaints.join(), /is there already/);
  });

  describe("served to Prometheus", () => {
    let call: Call;
    let url: string;
    before(async () => {
      call = host.start(["metrics", "--listen", "127.0.0.1:0", "--interval", "500ms"]);
      url = (await call.stdout.expect(/http:\S+/))[0];
    });
    after(() => call.process.kill("SIGKILL"));

    const scrape = async (): Promise<string> => (await fetch(url)).text();
    const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (let turn = 0; ; turn++) {
        const text = await scrape();
        const match = pattern.exec(text);
        if (match !== null) return match;
        assert(turn < 200, `no ${pattern} in ${text}`);
        await sleep(100);
      }
    };

    it("they count on, and promtool finds nothing wrong with them", async () => {
      const cpu = /^tether_container_cpu_seconds_total\{.*name="busy".*\} ([\d.]+)$/m;
      const first = Number((await until(cpu))[1]);
      await sleep(2_000);
      assert(Number((await until(cpu))[1]) > first + 0.5);
      const text = await scrape();
      for (const name of [
        "tether_machine_cpu_seconds_total",
        "tether_disk_read_bytes_total",
        "tether_filesystem_size_bytes",
      ])
        assert.match(text, new RegExp(`^${name}\\{`, "m"));
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
        input: text,
        encoding: "utf8",
      });
      assert.deepEqual([status, stdout, stderr], [0, "", ""]);
    });

    it("they and vch stats hold nobody up when the machine hangs", async () => {
      const [id = ""] = host.containers().filter((each) => readRecord(each).name === NAME);
      const pid = readRecord(id).machine?.pid ?? 0;
      const live = host.start(["stats", "--format", "{{.Name}} {{.PIDs}}"]);
      await live.stdout.expect(new RegExp(`^${NAME} 1$`, "m"));
      process.kill(pid, "SIGSTOP");
      try {
        assert.equal(
          await succeed("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}"),
          `${NAME} --\n`,
        );
        const startMs = performance.now();
        await scrape();
        assert(performance.now() - startMs < 1_000);
        const asking = host.start(["stats", NAME]);
        // Until it asks the machine that does not answer.
        await sleep(1_000);
        for (const { process: child } of [live, asking]) child.kill("SIGINT");
        assert.equal((await live.finished).status, 130);
        assert.equal((await asking.finished).status, 130);
        assert(performance.now() - startMs < 5_000);
      } finally {
        process.kill(pid, "SIGCONT");
      }
    });
    it("they go with the container, and end with the signal", async () => {
      await succeed("kill", NAME);
      for (let text = await scrape(); text.includes(`name="${NAME}"`); text = await scrape())
        await sleep(100);
      call.process.kill("SIGTERM");
      assert.equal((await call.finished).status, 143);
    });
  });
});
