import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Both, IMAGE, type Side, useDockerPair } from "../support/docker-pair.ts";
import type { Said } from "../support/said.ts";

/** Holds 20 MiB, writes 8 MiB to the disk, has three processes, and keeps one CPU busy. */
const LOAD = [
  "head -c 20m /dev/zero > /dev/shm/held",
  "dd if=/dev/zero of=/written bs=1M count=8 conv=fsync 2> /dev/null",
  "sleep 100000 & sleep 100000 &",
  "echo loaded",
  "while :; do :; done",
].join("\n");

type Row = Readonly<Record<string, string>>;

const UNITS: Readonly<Record<string, number>> = {
  ...{ B: 1, kB: 1e3, MB: 1e6, GB: 1e9 },
  ...{ KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 },
};

describe("the same load in a container of Docker's and in a container VM", function () {
  this.timeout(180_000);
  // Before the host looks at what is left.
  after(() => pair.both(["rm", "-f", "load", "stopped"]));
  const pair = useDockerPair();
  let rows: Record<Side, Row>;

  const ofSide = (row: Row | undefined, name: string): string => row?.[name] ?? "";
  const each = (name: string): Record<Side, string> => ({
    docker: ofSide(rows.docker, name),
    vch: ofSide(rows.vch, name),
  });

  before(async () => {
    await pair.prepare("run", "-d", "--name", "load", "-m", "512m", IMAGE, "sh", "-c", LOAD);
    await pair.prepare("create", "--name", "stopped", IMAGE);
    for (const side of ["docker", "vch"] as const)
      for (let said = ""; !said.includes("loaded"); await sleep(200))
        said = (await pair.call(side, ["logs", "load"])).out;
    await sleep(2_000);
    // One after the other, while both run.
    const both = await pair.both(["stats", "--no-stream", "--format", "{{json .}}", "load"]);
    rows = { docker: parse(both.docker), vch: parse(both.vch) };
  });

  it("is described by the same words", () => {
    assert.deepEqual(Object.keys(rows.vch), Object.keys(rows.docker));
    for (const name of ["Name", "Container", "PIDs"]) assert.equal(rows.vch[name], rows.docker[name], name);
    for (const name of Object.keys(rows.docker))
      assert.equal(shapeOf(rows.vch[name]), shapeOf(rows.docker[name]), name);
  });

  it("uses as much memory", () => {
    const [docker, vch] = [each("MemUsage").docker, each("MemUsage").vch].map(
      (text) => sizesIn(text)[0] ?? Number.NaN,
    );
    assert(Math.abs((docker ?? 0) - (vch ?? 0)) < 3 * 1024 ** 2, JSON.stringify(each("MemUsage")));
  });

  it("writes as much to the disk", () => {
    const { docker, vch } = each("BlockIO");
    assert((sizesIn(vch)[1] ?? 0) >= 8_380_000, vch);
    // With cgroup v1 the kernel counts a buffered write for nobody.
    const hasVersion2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
    assert((sizesIn(docker)[1] ?? 0) >= (hasVersion2 ? 8_380_000 : 0), docker);
  });

  it("keeps a CPU busy", () => {
    const { docker, vch } = each("CPUPerc");
    assert(Math.abs(Number.parseFloat(vch) - 100) < 15, vch);
    // Without a machine of its own it shares the CPUs with everything else that runs here.
    assert(Number.parseFloat(docker) > 5 && Number.parseFloat(docker) < 110, docker);
  });

  it("has a table with the same titles", async () => {
    const both = await pair.both(["stats", "--no-stream"]);
    const titles = ({ out }: Said): string[] => (out.split("\n")[0] ?? "").split(/ {2,}/);
    assert.deepEqual(titles(both.vch), titles(both.docker));
  });

  it("is refused for a name that nobody has, with the same status", async () => {
    const both: Both = await pair.both(["stats", "--no-stream", "nosuch"]);
    assert.equal(both.vch.status, both.docker.status);
    assert.match(both.docker.err, /No such container: nosuch/);
    assert.match(both.vch.err, /No such container: nosuch/);
  });
});

function parse({ out }: Said): Row {
  return JSON.parse(out) as Row;
}

/** `1.5MiB / 512MiB` is `N / N`. */
function shapeOf(text: string | undefined): string {
  return (text ?? "").replaceAll(/[\d.]+(?:[kKMG]i?)?B/g, "N").replaceAll(/[0-9a-f.]+/g, "N");
}

function sizesIn(text: string): number[] {
  return [...text.matchAll(/([\d.]+)([kKMG]?i?B)/g)].map(
    ([, number, unit]) => Number(number) * (UNITS[unit ?? ""] ?? Number.NaN),
  );
}
