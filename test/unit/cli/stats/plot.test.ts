import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { drawPlot } from "../../../../src/cli/stats/plot/draw-plot.ts";
import { PlotData } from "../../../../src/cli/stats/plot/plot-data.ts";
import { openPlotFile } from "../../../../src/cli/stats/plot/plot-file.ts";
import {
  type Axis,
  memoryAxis,
  percentAxis,
  rateAxis,
  timeTicks,
} from "../../../../src/cli/stats/plot/ticks.ts";
import { readSample, type Sample } from "../../../../src/portlayer/statistics/index.ts";
import { runTool } from "../../../../src/portlayer/storage/index.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { fullSample, MIB } from "../../../support/full-sample.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const START_MS = 1_790_000_000_000;
const labels = (ticks: Axis["ticks"]): string[] => ticks.map(({ label }) => label.replaceAll("\u202F", " "));
const sampleAt = (seconds: number): Sample => readSample(fullSample(seconds), undefined);

const dataOf = (names: readonly string[], seconds: readonly number[]): PlotData => {
  const data = new PlotData();
  for (const name of names)
    for (const each of seconds)
      data.add({ id: name, name, image: "" }, START_MS + each * 1000, sampleAt(each));
  return data;
};

describe("an axis", () => {
  it("has round numbers of its unit", () => {
    assert.deepEqual(labels(percentAxis(187).ticks), ["0 %", "50 %", "100 %", "150 %", "200 %"]);
    assert.deepEqual(labels(percentAxis(0).ticks), ["0 %", "2 %", "4 %", "6 %", "8 %", "10 %"]);
    assert.deepEqual(labels(memoryAxis(140 * MIB).ticks), [
      ...["0", "32 MiB", "64 MiB", "96 MiB", "128 MiB", "160 MiB"],
    ]);
    assert.deepEqual(labels(rateAxis(3_800_000).ticks), ["0", "1 MB/s", "2 MB/s", "3 MB/s", "4 MB/s"]);
  });

  it("of time has seconds, minutes, hours or days", () => {
    assert.deepEqual(labels(timeTicks(9, 10)), [
      "0:00",
      "0:01",
      "0:02",
      "0:03",
      "0:04",
      "0:05",
      "0:06",
      "0:07",
      "0:08",
      "0:09",
    ]);
    assert.deepEqual(labels(timeTicks(1200, 4)), ["0:00", "5:00", "10:00", "15:00", "20:00"]);
    assert.deepEqual(labels(timeTicks(7_300, 3)), ["0:00", "1:00:00", "2:00:00"]);
    assert.equal(timeTicks(86_400 * 365, 10).length, 10);
  });

  it("holds everything, with a few lines, whatever there is", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (largest) => {
        for (const make of [percentAxis, memoryAxis, rateAxis]) {
          const { end, ticks } = make(largest);
          assert(end >= largest * (1 - 1e-9) && ticks.length >= 2 && ticks.length <= 7, `${largest}`);
        }
      }),
    );
  });
});

describe("what is plotted", () => {
  it("is the rate between samples, and nothing where there were none", () => {
    const [container] = dataOf(["web"], [10, 11, 12, 60, 61]).containers;
    const values = container?.lines.received.map(({ timeMs, value }) => [(timeMs - START_MS) / 1000, value]);
    assert.deepEqual(values, [
      [10, undefined],
      [11, 1500],
      [12, 1500],
      [60, undefined],
      [60, undefined],
      [61, 1500],
    ]);
    assert.deepEqual(container?.lines.cpu.at(1)?.value, 50);
  });

  it("begins anew with a new run of the machine", () => {
    const data = dataOf(["web"], [10, 11]);
    data.add({ id: "web", name: "web", image: "" }, START_MS + 12_000, sampleAt(1));
    assert.equal(data.containers[0]?.lines.cpu.at(-1)?.value, undefined);
  });
});

describe("a plot", () => {
  const folder = useTemporaryFolder();

  it("is SVG with a panel for each figure, and a legend for several containers", () => {
    const one = drawPlot(dataOf(["web"], [1, 2, 3]).containers);
    assert.match(one, />web, from 2026-09-21 14:13:21 UTC</);
    for (const title of ["CPU", "Memory", "Network", "Disks"]) assert.match(one, new RegExp(`>${title}`));
    assert.equal(one.match(/<polyline/g)?.length, 6);
    const three = drawPlot(dataOf(["web", "db", "<script>"], [1, 2, 3]).containers);
    assert.match(three, />3 container VMs, from/);
    assert.match(three, />&lt;script&gt;</);
    assert.equal(three.match(/<polyline/g)?.length, 18);
  });

  it("keeps the peaks of a long run, and stays small", () => {
    const data = new PlotData();
    for (let second = 1; second <= 20_000; second++) {
      const currentBytes = second === 12_345 ? 900 * MIB : 10 * MIB;
      const sample = readSample(fullSample(second, { containerMemory: { currentBytes } }), undefined);
      data.add({ id: "a", name: "a", image: "" }, START_MS + second * 1000, sample);
    }
    const svg = drawPlot(data.containers);
    assert(svg.length < 300_000, `${svg.length}`);
    assert.match(svg, /1\u202FGiB</);
    const memory = svg.split("<polyline")[2] ?? "";
    const heights = [...memory.matchAll(/,([\d.]+)/g)].map(([, y]) => Number(y));
    assert(Math.max(...heights) - Math.min(...heights) > 100);
  });

  it("is written as SVG or PNG, by its name's ending", async () => {
    const svg = drawPlot(dataOf(["web"], [1, 2, 3]).containers);
    const paths = ["run.svg", "run.PNG"].map((name) => join(folder.path, name));
    for (const path of paths) await (await openPlotFile(path, runTool)).write(svg);
    assert.equal(readFileSync(paths[0] ?? "", "utf8"), svg);
    const png = readFileSync(paths[1] ?? "");
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    // IHDR's width: twice the picture's.
    assert.equal(png.readUInt32BE(16), 2000);
  });

  it("is refused at the beginning where it cannot be written", async () => {
    await assert.rejects(
      openPlotFile("run.jpg", runTool),
      catalogueError("invalid-option", /must end in .svg or .png/),
    );
    await assert.rejects(
      openPlotFile("/nosuch/run.svg", runTool),
      catalogueError("invalid-option", /ENOENT/),
    );
    const missing = new TetherError("tool-missing", "vch needs rsvg-convert: apt-get install librsvg2-bin");
    await assert.rejects(
      openPlotFile(join(folder.path, "run.png"), () => Promise.reject(missing)),
      catalogueError("tool-missing", /librsvg2-bin/),
    );
  });

  it("that the tool does not take is an error, and leaves nothing behind", async () => {
    const path = join(folder.path, "run.png");
    const leftovers: string[] = [];
    const file = await openPlotFile(path, async (tool, args, options) => {
      leftovers.push(...args.filter((each) => each.endsWith(".svg")));
      return runTool(tool, args, options);
    });
    await assert.rejects(file.write("<svg"), catalogueError("state-not-writable"));
    assert.deepEqual([existsSync(path), leftovers.map((each) => existsSync(each))], [false, [false]]);
    writeFileSync(path, "");
  });
});
