import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { serveMetrics } from "../../../../src/cli/metrics/serve-metrics.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { type Containers, wantedOf } from "../../../support/fake-execution.ts";
import { FakeGuest } from "../../../support/fake-statistics.ts";

const LOCAL = { host: "127.0.0.1", port: 0 };

describe("the server of metrics", function () {
  this.timeout(10_000);
  const stop = new AbortController();
  const containers: Containers = { a: new FakeGuest(10), ended: undefined };
  let url = "";
  let served: Promise<void>;

  before(async () => {
    const listening = Promise.withResolvers<string>();
    served = serveMetrics({
      ...wantedOf(containers),
      address: LOCAL,
      intervalMs: 1_000,
      onListening: listening.resolve,
      signal: stop.signal,
    });
    url = await Promise.race([listening.promise, served.then(() => "")]);
  });
  after(async () => {
    stop.abort(new Error("enough"));
    await assert.rejects(served, /enough/);
  });

  const scrape = async (accept?: string): Promise<string> =>
    (await fetch(url, accept === undefined ? {} : { headers: { accept } })).text();
  const until = async (pattern: RegExp): Promise<string> => {
    for (let turn = 0; ; turn++) {
      const text = await scrape();
      if (pattern.test(text)) return text;
      assert(turn < 200, `no ${pattern} in ${text}`);
      await delay(20);
    }
  };

  it("answers with what the guests have sent last", async () => {
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const text = await until(/tether_container_cpu_seconds_total\{.*name="a".*\} 5$/m);
    assert.doesNotMatch(text, /name="ended"/);
    containers["a"]?.pass(2);
    await until(/tether_container_cpu_seconds_total\{.*name="a".*\} 6$/m);
  });

  it("answers in the format that is wanted, and to HEAD", async () => {
    const open = await fetch(url, { headers: { accept: "application/openmetrics-text; version=1.0.0" } });
    assert.match(open.headers.get("content-type") ?? "", /^application\/openmetrics-text; version=1\.0\.0/);
    assert.match(await open.text(), /\n# EOF\n$/);
    const head = await fetch(url, { method: "HEAD" });
    assert.match(head.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.equal(await head.text(), "");
  });

  it("answers at once though a guest hangs, and sees what comes and goes", async () => {
    const silent = new FakeGuest(10);
    silent.isSilent = true;
    containers["silent"] = silent;
    await until(/tether_container_up\{.*name="silent".*\} 0$/m);
    const startMs = performance.now();
    await scrape();
    assert(performance.now() - startMs < 500);
    containers["b"] = new FakeGuest(10);
    await until(/tether_container_up\{.*name="b".*\} 1$/m);
    delete containers["b"];
    for (let text = await scrape(); /name="b"/.test(text); text = await scrape()) await delay(50);
  });

  it("knows no other paths and methods", async () => {
    const at = (path: string, method = "GET"): Promise<Response> => fetch(new URL(path, url), { method });
    const [root, other, post] = await Promise.all([at("/"), at("/etc/passwd"), at("/metrics", "POST")]);
    assert.deepEqual([root.status, other.status, post.status], [200, 404, 405]);
    assert.match(await root.text(), /\/metrics/);
    assert.equal((await at("/metrics?x=1")).status, 200);
  });

  it("is refused on an address that is taken, and for an interval that cannot be", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const request = { ...wantedOf({}), intervalMs: 1_000, onListening: () => {}, signal: stop.signal };
    await assert.rejects(
      serveMetrics({ ...request, address: { host: "127.0.0.1", port } }),
      catalogueError("invalid-option", /EADDRINUSE/),
    );
    taken.close();
    await assert.rejects(
      serveMetrics({ ...request, address: LOCAL, intervalMs: 99 }),
      catalogueError("invalid-option", /--interval/),
    );
  });
});
