import assert from "node:assert/strict";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { Endpoint, parseEndpointAddress } from "../../../src/endpoint/index.ts";
import { ApiError } from "../../../src/endpoint/http/api-error.ts";
import { readVersion } from "../../../src/endpoint/http/api-version.ts";
import { Query } from "../../../src/endpoint/http/query.ts";
import { Router } from "../../../src/endpoint/http/router.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { FakeContainers } from "../../support/endpoint/fake-containers.ts";
import { NO_LOG } from "../../support/endpoint/served.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("a version in a path", () => {
  it("is taken off, and is the newest where there is none", () => {
    assert.deepEqual(readVersion("/v1.30/containers/json"), { version: 30, path: "/containers/json" });
    assert.deepEqual(readVersion("/containers/json"), { version: 43, path: "/containers/json" });
  });

  it("is served or refused, whatever the path", () => {
    fc.assert(
      fc.property(fc.webPath(), (path) => {
        try {
          readVersion(path);
        } catch (error) {
          assert(error instanceof ApiError && error.status === 400);
        }
      }),
    );
  });
});

describe("a query", () => {
  it("has Docker's truth", () => {
    const query = new Query("a=1&b=0&c=false&d=none&e=&f=yes&g=No");
    const flags = ["a", "b", "c", "d", "e", "f", "g", "h"].filter((name) => query.flag(name));
    assert.deepEqual(flags, ["a", "f"]);
  });

  it("has filters in both of Docker's forms", () => {
    const filters = (value: unknown): string[] =>
      new Query(`filters=${encodeURIComponent(JSON.stringify(value))}`).filters();
    assert.deepEqual(filters({ label: { "a=b": true, c: false }, name: ["x"] }), ["label=a=b", "name=x"]);
    for (const wrong of [[], 1, { a: 1 }, { a: [1] }])
      assert.throws(() => filters(wrong), { status: 400, message: "invalid filter" });
  });
});

describe("a router", () => {
  const router = new Router([
    { method: "GET", path: "/images/{name...}/json", answer: () => {} },
    { method: "GET", path: "/a.b/{id}", answer: () => {} },
  ]);

  it("finds names with slashes, and encoded ones", () => {
    assert.deepEqual(router.find("GET", "/images/a/b:c/json")?.parameters, { name: "a/b:c" });
    assert.deepEqual(router.find("GET", "/a.b/x%2Fy")?.parameters, { id: "x/y" });
    assert.equal(router.find("POST", "/a.b/x"), undefined);
    assert.equal(router.find("GET", "/aXb/x"), undefined);
    assert.equal(router.find("GET", "/a.b/%ff"), undefined);
  });
});

describe("where the endpoint listens", () => {
  const folder = useTemporaryFolder();

  function open(path: string): Promise<Endpoint> {
    const { execution } = new FakeContainers(folder.path);
    const parts = { execution, root: folder.path, version: "1", log: NO_LOG };
    return Endpoint.open(parts, [{ kind: "unix", path }]);
  }

  it("is told in Docker's words, and without TLS is this machine's own", () => {
    assert.deepEqual(parseEndpointAddress("unix:///run/x.sock", "none"), {
      kind: "unix",
      path: "/run/x.sock",
    });
    assert.deepEqual(parseEndpointAddress("tcp://[::1]:2375", "plain"), {
      kind: "tcp",
      host: "::1",
      port: 2375,
    });
    for (const text of [
      "tcp://0.0.0.0:2375",
      "tcp://127.0.0.1",
      "unix://relative",
      "npipe://x",
      "tcp://127.0.0.1:70000",
    ])
      assert.throws(() => parseEndpointAddress(text, "plain"), catalogueError("usage", /-H /));
    assert.throws(
      () => parseEndpointAddress("tcp://127.0.0.1:2375", "none"),
      catalogueError("usage", /--allow-plain-tcp/),
    );
    assert.deepEqual(parseEndpointAddress("tcp://0.0.0.0:2376", "tls"), {
      kind: "tcp",
      host: "0.0.0.0",
      port: 2376,
    });
  });

  it("is a socket of its owner and a group, in the place of one that nobody listens on", async () => {
    const path = join(folder.path, "x.sock");
    {
      await using first = await open(path);
      assert.equal(statSync(path).mode & 0o777, 0o660);
      assert.deepEqual(first.addresses, [`unix://${path}`]);
    }
    await using _again = await open(path);
  });

  it("is nothing that somebody else has", async () => {
    const path = join(folder.path, "other.sock");
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await assert.rejects(open(path), catalogueError("invalid-option", /another program listens there/));
    await new Promise((resolve) => other.close(resolve));
    const file = join(folder.path, "file");
    writeFileSync(file, "");
    chmodSync(file, 0o600);
    await assert.rejects(open(file), catalogueError("invalid-option", /something else than a socket/));
  });

  it("has one endpoint for a state folder", async () => {
    await using _first = await open(join(folder.path, "a.sock"));
    await assert.rejects(
      open(join(folder.path, "b.sock")),
      (error) => error instanceof TetherError && error.code === "conflict",
    );
  });
});
