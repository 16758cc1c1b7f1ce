import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { makePruneFilter } from "../../../src/endpoint/requests/prune-filter.ts";
import type { ImageStore } from "../../../src/portlayer/execution/index.ts";
import { DescribedAnswers } from "../../support/docker-api/answers.ts";
import { IMAGE } from "../../support/endpoint/fake-containers.ts";
import { useServed } from "../../support/endpoint/served.ts";

const described = new DescribedAnswers();

describe("what the endpoint tells of itself", () => {
  const served = useServed();

  it("is what containers, images and volumes take of the disk", async () => {
    const id = served.containers.add("one", "exited");
    await served.ask("POST", "/volumes/create", { Name: "data" });
    const layer = (diffId: string, contentBytes: number) => ({ diffId, sizeBytes: 9999, contentBytes });
    const [one, other] = [
      [layer("low", 100), layer("a", 20)],
      [layer("low", 100), layer("b", 3)],
    ];
    const images = [one, other].map((layers) => ({ image: { ...IMAGE, layers }, names: [] }));
    served.containers.images = { list: async () => images } as unknown as ImageStore;
    const { json } = await served.ask("GET", "/system/df");
    const usage = json as Record<string, Record<string, unknown>[]>;
    assert.deepEqual(described.differences("GET", "/system/df", 200, json), []);
    // What both stand on is there once.
    assert.equal(usage["LayersSize"], 123);
    assert.deepEqual(
      usage["Images"]?.map(({ Size, SharedSize }) => [Size, SharedSize]),
      [
        [120, 100],
        [103, 100],
      ],
    );
    assert.deepEqual(
      usage["Containers"]?.map(({ Id, SizeRw, SizeRootFs }) => [Id, SizeRw, SizeRootFs]),
      [[id, 4096, 4608]],
    );
    assert.deepEqual(usage["Volumes"]?.[0]?.["UsageData"], { Size: 8192, RefCount: 1 });
    const volumes = await served.ask("GET", "/system/df?type=volume");
    const only = volumes.json as Record<string, unknown>;
    assert.deepEqual([only["Containers"], only["Images"], only["BuildCache"]], [null, null, null]);
    assert.equal((only["Volumes"] as unknown[]).length, 1);
    assert.equal((await served.ask("GET", "/system/df?type=x")).status, 400);
  });

  it("is a container's size for whoever asks for it", async () => {
    served.containers.add("one", "running");
    const [listed] = (await served.ask("GET", "/containers/json?size=1")).json as Record<string, unknown>[];
    assert.deepEqual([listed?.["SizeRw"], listed?.["SizeRootFs"]], [4096, 4608]);
    const [unasked] = (await served.ask("GET", "/containers/json")).json as Record<string, unknown>[];
    assert.deepEqual([unasked?.["SizeRw"], unasked?.["SizeRootFs"]], [undefined, undefined]);
  });

  it("is metrics that Prometheus's own tool finds nothing wrong with", async () => {
    served.containers.add("one", "running");
    await served.ask("GET", "/_ping");
    await served.ask("GET", "/v1.43/_ping");
    await served.ask("GET", "/containers/none/json");
    await served.ask("GET", "/no/such/path");
    const { text, headers } = await served.ask("GET", "/metrics");
    assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/);
    for (const line of [
      'vch_endpoint_requests_total{method="GET",route="/_ping",status="200"} 2',
      'vch_endpoint_requests_total{method="GET",route="none",status="404"} 1',
      'vch_endpoint_request_duration_seconds_count{method="GET",route="/_ping"} 2',
      'vch_endpoint_containers{state="running"} 1',
      'vch_endpoint_containers{state="exited"} 0',
      'vch_endpoint_active_requests{route="/metrics"} 1',
    ])
      assert.ok(text.split("\n").includes(line), `${line} is not in:\n${text}`);
    const judged = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    assert.deepEqual([judged.status, judged.stderr], [0, ""]);
  });

  it("counts connections that are taken over", async () => {
    served.containers.add("box", "created");
    const attached = await served.upgrade("/containers/box/attach?stream=1&stdout=1");
    await attached.head();
    attached.socket.destroy();
    const has = async (line: string): Promise<boolean> =>
      (await served.ask("GET", "/metrics")).text.split("\n").includes(line);
    const line = 'vch_endpoint_requests_total{method="POST",route="/containers/{id}/attach",status="101"} 1';
    while (!(await has(line))) await new Promise(setImmediate);
  });
});

describe("the filters of pruning", () => {
  const created = "2026-01-02T00:00:00.000Z";

  it("choose by label, by its absence, and by age", () => {
    const one = { created, labels: { a: "b", c: "" } };
    const isPruned = (...filters: string[]): boolean => makePruneFilter(filters)(one);
    assert.equal(isPruned(), true);
    assert.deepEqual(
      [isPruned("label=a"), isPruned("label=a=b"), isPruned("label=a=x")],
      [true, true, false],
    );
    assert.deepEqual(
      [isPruned("label!=a"), isPruned("label!=a=x"), isPruned("label!=z")],
      [false, true, true],
    );
    assert.deepEqual([isPruned("until=2026-01-03"), isPruned("until=2026-01-01")], [true, false]);
    assert.equal(isPruned("until=10m"), Date.parse(created) < Date.now() - 600_000);
    assert.equal(isPruned("label=a", "label=z"), false);
  });

  it("are refused when they are none", () => {
    assert.throws(() => makePruneFilter(["name=x"]), /invalid filter 'name'/);
    assert.throws(() => makePruneFilter(["until=never"]), /failed to parse/);
    assert.throws(() => makePruneFilter(["until=1", "until=2"]), /more than one until/);
  });
});
