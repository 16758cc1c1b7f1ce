import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FACT_METRICS } from "../../../../src/cli/metrics/fact-metrics.ts";
import { KnownDevices } from "../../../../src/cli/metrics/known-devices.ts";
import { parseListenAddress } from "../../../../src/cli/metrics/listen-address.ts";
import {
  CONTAINER_LABELS,
  SAMPLE_METRICS,
  WATCH_METRICS,
} from "../../../../src/cli/metrics/metrics-table.ts";
import { negotiateFormat } from "../../../../src/cli/metrics/negotiate-format.ts";
import {
  type Exported,
  type MetricsFormat,
  OPENMETRICS_TEXT,
  PROMETHEUS_TEXT,
  renderMetrics,
} from "../../../../src/cli/metrics/render-metrics.ts";
import { type Facts, readSample, SAMPLE_SHAPE } from "../../../../src/portlayer/statistics/index.ts";
import type { ListShape, Shape } from "../../../../src/portlayer/statistics/sample-shape.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import type { SampleMessage } from "../../../../src/protocol/stats-messages.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { fullSample, MIB } from "../../../support/full-sample.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const DASHBOARD = fileURLToPath(new URL("../../../../docs/grafana/container-vms.json", import.meta.url));
const WEB = { id: "a".repeat(64), name: "web", image: 'registry/"nginx":1' };
const DATABASE = { id: "b".repeat(64), name: "db", image: "redis" };

const exported = (container: Exported["container"], message: SampleMessage, receivedMs = 0): Exported => ({
  container,
  watched: { now: readSample(message, undefined), receivedMs },
  devices: new KnownDevices(2),
});

const render = (
  containers: readonly Exported[],
  format: MetricsFormat = PROMETHEUS_TEXT,
  nowMs = 100,
): Promise<string> => renderMetrics(containers, { format, staleMs: 5_000, nowMs });

/** One line of it, by the metric and some of its labels. */
function valueIn(text: string, name: string, ...labels: string[]): number | undefined {
  const line = text
    .split("\n")
    .find((each) => each.startsWith(`${name}{`) && labels.every((label) => each.includes(label)));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

/** A sample in which every number is 1. */
function everything(): SampleMessage {
  const fill = (shape: Shape): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(shape).map(([field, kind]) => {
        if (typeof kind === "string") return [field, 1];
        if (!("listedBy" in kind)) return [field, fill(kind)];
        // Of all that is not a number, only a list has a name.
        const { listedBy, item } = kind as ListShape;
        const name = { device: "254:0", cpu: 0, name: "eth0", mountPoint: "/" }[listedBy];
        return [field, [{ [listedBy]: name, type: "ext4", ...fill(item) }]];
      }),
    );
  return { monotonicUs: 1, wallUs: 1, ...fill(SAMPLE_SHAPE) };
}

const NO_FACTS: Facts = {
  ...{ hardware: {}, firmware: {}, operatingSystem: {}, processor: {} },
  ...{ networkCards: [], disks: [], fileSystems: [] },
};

/** With facts. */
function everythingOf(container: Exported["container"]): Exported {
  const known = exported(container, everything());
  const facts = { ...NO_FACTS, operatingSystem: { release: '6.1 "x"' } };
  return { ...known, watched: { ...known.watched, facts } };
}

describe("the metrics", () => {
  it("are in base units, with the labels of their container VM", async () => {
    const text = await render([exported(WEB, fullSample(10)), exported(DATABASE, fullSample(20))]);
    assert.equal(valueIn(text, "tether_container_cpu_seconds_total", 'name="web"'), 5);
    assert.equal(valueIn(text, "tether_container_cpu_seconds_total", `id="${DATABASE.id}"`), 10);
    assert.equal(valueIn(text, "tether_container_memory_working_set_bytes", 'image="redis"'), 64 * MIB);
    assert.equal(
      valueIn(text, "tether_machine_cpu_seconds_total", 'name="web"', 'cpu="0"', 'mode="user"'),
      9,
    );
    assert.equal(valueIn(text, "tether_network_received_bytes_total", 'interface="eth0"'), 15_000);
    assert.equal(valueIn(text, "tether_filesystem_used_bytes", 'mount_point="/"', 'type="ext4"'), 100 * MIB);
    assert.equal(valueIn(text, "tether_machine_clock_offset_seconds"), -0.000_04);
    assert.equal(valueIn(text, "tether_container_pressure_waiting_seconds_total", 'resource="cpu"'), 0.0009);
    assert.equal(valueIn(text, "tether_container_sample_age_seconds"), 0.1);
  });

  it("leave out what the guest's kernel does not tell", async () => {
    const text = await render([exported(WEB, { monotonicUs: 1 })]);
    assert.deepEqual(
      [...text.matchAll(/^(tether_\w+)\{/gm)].map((match) => match[1]),
      Object.values(WATCH_METRICS).map(({ name }) => name),
    );
  });

  it("say what the machine is, where its guest has told", async () => {
    const facts = { ...NO_FACTS, firmware: { version: "1.16" }, processor: { modelName: "x".repeat(1000) } };
    const web = exported(WEB, fullSample(10));
    const text = await render([
      { ...web, watched: { ...web.watched, facts } },
      exported(DATABASE, fullSample(20)),
    ]);
    const processor = `processor="${"x".repeat(128)}"`;
    assert.equal(valueIn(text, "tether_machine_info", 'name="web"', 'firmware="1.16"', processor), 1);
    assert.equal(valueIn(text, "tether_machine_info", 'name="db"'), undefined);
  });

  it("name every metric that there is once, by a name that fits its type", async () => {
    const text = await render([everythingOf(WEB)]);
    const names = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map((match) => match[1]);
    const defined = [...Object.values(WATCH_METRICS), ...FACT_METRICS, ...SAMPLE_METRICS].map(
      ({ name }) => name,
    );
    assert.deepEqual(names, defined);
    assert.equal(new Set(names).size, names.length);
  });

  it("are taken by promtool, and by Prometheus's own parser of OpenMetrics", async () => {
    const containers = [
      everythingOf(WEB),
      exported(DATABASE, fullSample(20, { fileSystems: [{ mountPoint: '/a "b"\\c\nd', usedBytes: 1 }] })),
    ];
    const promtool = spawnSync("promtool", ["check", "metrics"], {
      input: await render(containers),
      encoding: "utf8",
    });
    assert.deepEqual([promtool.status, promtool.stdout, promtool.stderr], [0, "", ""]);
    const parser =
      "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n" +
      "print(sum(len(family.samples) for family in parse(sys.stdin.read())))";
    const input = await render(containers, OPENMETRICS_TEXT);
    const python = spawnSync("/usr/bin/python3", ["-c", parser], { input, encoding: "utf8" });
    assert.equal(python.stderr, "");
    assert.equal(
      Number(python.stdout),
      input.split("\n").filter((line) => line.startsWith("tether_")).length,
    );
  });

  it("say which container VM sends nothing, and serve nothing that is old", async () => {
    const silent: Exported = {
      container: DATABASE,
      watched: { error: new TetherError("guest-lost", "gone") },
      devices: new KnownDevices(2),
    };
    const containers = [exported(WEB, fullSample(10), 1_000), silent];
    const fresh = await render(containers, PROMETHEUS_TEXT, 6_000);
    assert.equal(valueIn(fresh, "tether_container_up", 'name="web"'), 1);
    assert.equal(valueIn(fresh, "tether_container_up", 'name="db"'), 0);
    const stale = await render(containers, PROMETHEUS_TEXT, 6_001);
    assert.equal(valueIn(stale, "tether_container_up", 'name="web"'), 0);
    assert.equal(valueIn(stale, "tether_container_cpu_seconds_total"), undefined);
  });

  it("are bounded, whatever devices a guest invents", async () => {
    const devices = new KnownDevices(2);
    const seen = new Set<string>();
    for (let turn = 0; turn < 20; turn++) {
      const network = Array.from({ length: 50 }, (_, index) => ({ name: `x${turn}-${index}`, sentBytes: 1 }));
      const cpus = Array.from({ length: 50 }, (_, index) => ({ cpu: turn * 50 + index, userMs: 1 }));
      const message = fullSample(turn + 1, { network, machineCpu: { cpus } });
      const text = await render([{ ...exported(WEB, message), devices }]);
      for (const line of text.match(/^tether_(?:network_sent_bytes|machine_cpu_seconds)_total\{.*\}/gm) ?? [])
        seen.add(line);
      const hidden = valueIn(text, "tether_container_hidden_devices") ?? 0;
      assert.equal(hidden > 0, true);
    }
    assert.equal([...seen].filter((line) => line.includes("network")).length, 64);
    assert.equal([...seen].filter((line) => line.includes("cpu=")).length, 16);
  });
});

describe("the format of the metrics", () => {
  const table: ReadonlyArray<readonly [string | undefined, MetricsFormat]> = [
    [undefined, PROMETHEUS_TEXT],
    ["*/*", PROMETHEUS_TEXT],
    ["text/plain", PROMETHEUS_TEXT],
    ["application/openmetrics-text", OPENMETRICS_TEXT],
    ["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS_TEXT],
    ["application/openmetrics-text; version=0.0.1", PROMETHEUS_TEXT],
    ["application/openmetrics-text;q=0.2, text/plain;q=0.9", PROMETHEUS_TEXT],
    ["application/openmetrics-text;q=0", PROMETHEUS_TEXT],
    ["application/openmetrics-text;q=x,;;=", PROMETHEUS_TEXT],
  ];
  for (const [accept, format] of table)
    it(`for ${accept ?? "nobody's wish"} is ${format.split(";")[0]}`, () =>
      assert.equal(negotiateFormat(accept), format));
});

describe("the address of the metrics", () => {
  it("is of this machine, or one that is meant", () => {
    assert.deepEqual(parseListenAddress("127.0.0.1:9323", false), { host: "127.0.0.1", port: 9323 });
    assert.deepEqual(parseListenAddress("127.9.9.9:0", false), { host: "127.9.9.9", port: 0 });
    assert.deepEqual(parseListenAddress("[::1]:80", false), { host: "::1", port: 80 });
    assert.deepEqual(parseListenAddress("localhost:1", false), { host: "localhost", port: 1 });
    assert.deepEqual(parseListenAddress("0.0.0.0:9323", true), { host: "0.0.0.0", port: 9323 });
  });
  for (const text of ["0.0.0.0:9323", "[::]:9323", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"])
    it(`is refused without --allow-remote: ${text}`, () =>
      assert.throws(
        () => parseListenAddress(text, false),
        catalogueError("invalid-option", /--allow-remote/),
      ));
  for (const text of [
    "",
    "9323",
    ":9323",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "::1:80",
    "[127.0.0.1]:1",
    "example.org:1",
  ])
    it(`is none: ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseListenAddress(text, true), catalogueError("invalid-option", /ADDRESS:PORT/)));
});

describe("the Grafana dashboard", () => {
  const folder = useTemporaryFolder();
  const text = readFileSync(DASHBOARD, "utf8");
  const expressions = [...text.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(
    (match) => JSON.parse(match[1] ?? "") as string,
  );

  it("asks for metrics and labels that there are", () => {
    const metrics = new Map<string, readonly string[]>([
      ...Object.values(WATCH_METRICS).map(({ name }) => [name, []] as const),
      ...SAMPLE_METRICS.map(({ name, labels }) => [name, labels] as const),
    ]);
    assert(expressions.length > 20);
    for (const expression of expressions) {
      for (const [, name = "", selector = ""] of expression.matchAll(/(tether_\w+)\{([^}]*)\}/g)) {
        const known = [...CONTAINER_LABELS, ...(metrics.get(name) ?? ["no such metric"])];
        for (const [, label = ""] of selector.matchAll(/(\w+)\s*(?:=~|!=|=)/g))
          assert(metrics.has(name) && known.includes(label), `${name}{${label}} in ${expression}`);
      }
      assert.equal(
        expression.match(/tether_\w+/g)?.length,
        expression.match(/tether_\w+\{/g)?.length,
        expression,
      );
    }
    for (const name of text.match(/label_values\((\w+)/g) ?? [])
      assert.equal(name, "label_values(tether_container_up");
  });

  it("asks in PromQL", () => {
    const rules = expressions.map((expression, index) => {
      const query = expression.replaceAll(/\$__\w+/g, "5m").replaceAll(/\$\w+/g, ".*");
      return { record: `dashboard:${index}`, expr: query };
    });
    const path = join(folder.path, "rules.json");
    // YAML, of which JSON is a part.
    writeFileSync(path, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", path], { encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, new RegExp(`SUCCESS: ${expressions.length} rules found`));
  });
});
