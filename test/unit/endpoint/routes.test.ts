import assert from "node:assert/strict";
import { DescribedAnswers } from "../../support/docker-api/answers.ts";
import { IMAGE, say } from "../../support/endpoint/fake-containers.ts";
import { useServed } from "../../support/endpoint/served.ts";

const described = new DescribedAnswers();

describe("the endpoint's routes", () => {
  const served = useServed();

  it("are there with and without a version, and refuse versions that they do not have", async () => {
    for (const path of ["/_ping", "/v1.24/_ping", "/v1.43/_ping"]) {
      const { status, text, headers } = await served.ask("GET", path);
      assert.equal(status, 200);
      assert.equal(text, "OK");
      assert.equal(headers["api-version"], "1.43");
      assert.equal(headers["ostype"], "linux");
      assert.equal(headers["cache-control"], "no-cache, no-store, must-revalidate");
    }
    const head = await served.ask("HEAD", "/_ping");
    assert.equal(head.status, 200);
    assert.equal(head.headers["content-length"], "0");
    const tooNew = await served.ask("GET", "/v1.99/info");
    assert.equal(tooNew.status, 400);
    assert.deepEqual(tooNew.json, {
      message: "client version 1.99 is too new. Maximum supported API version is 1.43",
    });
    const tooOld = await served.ask("GET", "/v1.12/info");
    assert.equal(tooOld.status, 400);
    assert.match(tooOld.text, /client version 1\.12 is too old\. Minimum supported API version is 1\.24/);
  });

  it("say what is not there, what is not built and what is disabled", async () => {
    const answers: readonly (readonly [string, string, number, RegExp])[] = [
      ["GET", "/nothing", 404, /^\{"message":"page not found"\}\n$/],
      ["DELETE", "/containers/json/x", 404, /page not found/],
      ["GET", "/containers/%ff/json", 404, /page not found/],
      ["GET", "/swarm", 503, /This node is not a swarm manager/],
      ["POST", "/services/create", 503, /This node is not a swarm manager/],
      ["POST", "/build", 501, /building images is not supported/],
      ["POST", "/networks/create", 501, /making a network is not supported by this endpoint yet/],
      ["GET", "/networks/mine", 404, /network mine not found/],
      ["POST", "/commit?container=none", 404, /No such container: none/],
      ["GET", "/plugins", 200, /^\[\]\n$/],
    ];
    for (const [method, path, status, text] of answers) {
      const answer = await served.ask(method, path);
      assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
      assert.match(answer.text, text);
      assert.equal(answer.headers["content-type"], "application/json");
    }
  });

  it("answer as Docker's description has it", async () => {
    served.containers.add("one", "running");
    const questions = [
      ["GET", "/version", "/version"],
      ["GET", "/info", "/info"],
      ["GET", "/containers/json?all=1", "/containers/json"],
      ["GET", "/images/json", "/images/json"],
      ["GET", "/images/demo/json", "/images/{name}/json"],
      ["GET", "/containers/json?all=1&size=1", "/containers/json"],
      ["GET", "/system/df", "/system/df"],
      ["GET", "/system/df?type=volume&type=container", "/system/df"],
      ["GET", "/networks", "/networks"],
      ["GET", "/networks/bridge", "/networks/{id}"],
    ] as const;
    for (const [method, path, route] of questions) {
      const { status, json } = await served.ask(method, path);
      assert.equal(status, 200);
      assert.deepEqual(described.differences(method, route, status, json), [], path);
    }
  });

  it("make a container, name what is wrong with it, and remove it", async () => {
    const made = await served.ask("POST", "/containers/create?name=box", { Image: "demo", Cmd: ["true"] });
    assert.equal(made.status, 201);
    assert.deepEqual(described.differences("POST", "/containers/create", 201, made.json), []);
    const { name, start } = served.containers.requests[0] ?? {};
    assert.deepEqual({ name, start }, { name: "box", start: "forked" });
    const missing = await served.ask("POST", "/containers/create", { Image: "busybox" });
    // For these words Docker's client pulls it.
    assert.deepEqual([missing.status, missing.json], [404, { message: "No such image: busybox:latest" }]);
    const path = await served.ask("POST", "/containers/create", { Image: "/etc/passwd" });
    assert.equal(path.status, 400);
    const broken = await served.ask("POST", "/containers/create", "{");
    assert.equal(broken.status, 400);
    const huge = await served.ask("POST", "/containers/create", `"${"x".repeat(5 * 1024 * 1024)}"`);
    assert.equal(huge.status, 413);
    assert.equal((await served.ask("DELETE", "/containers/box")).status, 204);
    const gone = await served.ask("DELETE", "/containers/box");
    assert.deepEqual([gone.status, gone.json], [404, { message: "No such container: box" }]);
  });

  it("carry a run: attached before the start, waited for, and told its end after its output", async () => {
    served.containers.process = async ({ input, output, errorOutput }) => {
      let text = "";
      for await (const chunk of input ?? []) text += String(chunk);
      await say(output, `got ${text}`);
      await say(errorOutput, "error");
      return 3;
    };
    served.containers.add("box", "created", { openStdin: true, stdinOnce: true, remove: true });
    const attached = await served.upgrade("/v1.43/containers/box/attach?stream=1&stdin=1&stdout=1&stderr=1");
    const head = await attached.head();
    assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\n/);
    assert.match(head, /Content-Type: application\/vnd\.docker\.multiplexed-stream/);
    // What comes before the start is kept for it, and its end as well.
    attached.socket.end("early");
    const waited = served.ask("POST", "/containers/box/wait?condition=removed");
    assert.equal((await served.ask("POST", "/containers/box/start")).status, 204);
    const frames = await attached.rest();
    assert.deepEqual(
      frames,
      Buffer.concat([
        Buffer.from([1, 0, 0, 0, 0, 0, 0, 9]),
        Buffer.from("got early"),
        Buffer.from([2, 0, 0, 0, 0, 0, 0, 5]),
        Buffer.from("error"),
      ]),
    );
    const { status, json } = await waited;
    assert.deepEqual([status, json], [200, { StatusCode: 3 }]);
    assert.deepEqual(described.differences("POST", "/containers/{id}/wait", 200, json), []);
  });

  it("start a container once, and in the background when nobody is attached", async () => {
    served.containers.add("box", "created");
    assert.equal((await served.ask("POST", "/containers/box/start")).status, 204);
    assert.equal((await served.ask("POST", "/containers/box/start")).status, 304);
    assert.deepEqual(served.containers.calls, ["start box"]);
    served.containers.add("frozen", "paused");
    const frozen = await served.ask("POST", "/containers/frozen/start");
    assert.deepEqual(
      [frozen.status, frozen.json],
      [409, { message: "cannot start a paused container, try unpause instead" }],
    );
  });

  it("execute a process, with its exit code known before its connection ends", async () => {
    served.containers.add("box", "running");
    served.containers.process = async ({ output }) => {
      await say(output, "out");
      return 5;
    };
    const made = await served.ask("POST", "/containers/box/exec", {
      AttachStdout: true,
      AttachStderr: true,
      Cmd: ["x"],
      // As Python's client says once more.
      Container: "box",
    });
    assert.equal(made.status, 201);
    const { Id: id } = made.json as { Id: string };
    const before = await served.ask("GET", `/exec/${id}/json`);
    assert.deepEqual(described.differences("GET", "/exec/{id}/json", 200, before.json), []);
    // With what dockerode sends along.
    const asked = { Detach: false, Tty: false, hijack: true, stdin: true };
    const started = await served.upgrade(`/exec/${id}/start`, JSON.stringify(asked));
    assert.deepEqual(
      await started.rest(),
      Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 3]), Buffer.from("out")]),
    );
    const after = await served.ask("GET", `/exec/${id}/json`);
    const { ExitCode: code, Pid: pid } = after.json as { ExitCode: number; Pid: number };
    assert.deepEqual([code, pid], [5, 77]);
    assert.equal((await served.ask("POST", `/exec/${id}/start`, {})).status, 409);
    assert.equal((await served.ask("GET", "/exec/none/json")).status, 404);
  });

  it("know how a process ends that its client has left", async () => {
    served.containers.add("box", "running");
    const ending = Promise.withResolvers<number>();
    served.containers.process = async ({ output }) => {
      await say(output, "ready");
      const status = await ending.promise;
      await say(output, "nobody reads this");
      return status;
    };
    const made = await served.ask("POST", "/containers/box/exec", {
      ...{ AttachStdin: true, AttachStdout: true, Tty: true, Cmd: ["x"] },
    });
    const { Id: id } = made.json as { Id: string };
    const started = await served.upgrade(`/exec/${id}/start`, '{"Detach":false,"Tty":true}');
    await started.head();
    // Its detach keys: the endpoint ends the connection.
    started.socket.write("\u0010\u0011");
    await started.rest();
    const look = async (): Promise<unknown> => {
      const { Running, ExitCode } = (await served.ask("GET", `/exec/${id}/json`)).json as Record<
        string,
        unknown
      >;
      return { Running, ExitCode };
    };
    assert.deepEqual(await look(), { Running: true, ExitCode: null });
    ending.resolve(6);
    while (((await look()) as { Running: boolean }).Running) await new Promise(setImmediate);
    assert.deepEqual(await look(), { Running: false, ExitCode: 6 });
  });

  it("make volumes, list, show and remove them", async () => {
    const made = await served.ask("POST", "/volumes/create", {
      Name: "data",
      Labels: { a: "b" },
      DriverOpts: { size: "1g" },
    });
    assert.equal(made.status, 201);
    assert.deepEqual(described.differences("POST", "/volumes/create", 201, made.json), []);
    await served.ask("POST", "/volumes/create", { Name: "other" });
    const filters = encodeURIComponent('{"label":{"a=b":true}}');
    const listed = await served.ask("GET", `/volumes?filters=${filters}`);
    assert.deepEqual(described.differences("GET", "/volumes", 200, listed.json), []);
    const { Volumes: volumes } = listed.json as { Volumes: { Name: string }[] };
    assert.deepEqual(
      volumes.map(({ Name }) => Name),
      ["data"],
    );
    const namesOf = async (filter: object): Promise<string[]> => {
      const words = encodeURIComponent(JSON.stringify(filter));
      const { json } = await served.ask("GET", `/volumes?filters=${words}`);
      return (json as { Volumes: { Name: string }[] }).Volumes.map(({ Name }) => Name);
    };
    assert.deepEqual(await namesOf({ dangling: ["true"] }), ["data", "other"]);
    assert.deepEqual(await namesOf({ dangling: ["false"] }), []);
    assert.equal((await served.ask("GET", "/volumes/data")).status, 200);
    assert.equal((await served.ask("DELETE", "/volumes/data")).status, 204);
    assert.equal((await served.ask("DELETE", "/volumes/data")).status, 404);
    assert.equal((await served.ask("DELETE", "/volumes/data?force=1")).status, 204);
    const driver = await served.ask("POST", "/volumes/create", { Name: "x", Driver: "rexray" });
    assert.equal(driver.status, 404);
    assert.match(driver.text, /looking up volume plugin rexray: plugin .*rexray.* not found/);
    const option = await served.ask("POST", "/volumes/create", { Name: "x", DriverOpts: { colour: "red" } });
    assert.equal(option.status, 400);
  });

  it("update what can be updated, and prune what does not run", async () => {
    served.containers.add("up", "running");
    const ended = served.containers.add("ended", "exited");
    const change = { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 }, PidsLimit: 0, Memory: 0 };
    const updated = await served.ask("POST", "/containers/up/update", change);
    assert.deepEqual([updated.status, updated.json], [200, { Warnings: null }]);
    assert.deepEqual(served.containers.changes, [
      {
        restart: { name: "on-failure", maximumRetryCount: 2 },
        ...{ pidsLimit: undefined, cpus: undefined, memoryBytes: undefined },
      },
    ]);
    const resources = { Memory: 2 ** 28, MemorySwap: 2 ** 29, NanoCpus: 1.5e9 };
    assert.equal((await served.ask("POST", "/containers/up/update", resources)).status, 200);
    assert.deepEqual(served.containers.changes.at(-1), {
      ...{ restart: undefined, pidsLimit: undefined, cpus: 1.5, memoryBytes: 2 ** 28 },
    });
    const wrong = [{ Memory: 2 ** 20 }, { NanoCpus: 1 }, { NanoCpus: 65e9 }];
    for (const each of wrong)
      assert.equal((await served.ask("POST", "/containers/up/update", each)).status, 400);
    const refused = await served.ask("POST", "/containers/up/update", { CpuShares: 5 });
    assert.deepEqual([refused.status, /CpuShares=5/.test(refused.text)], [501, true]);
    const pruned = await served.ask("POST", "/containers/prune");
    assert.deepEqual(pruned.json, { ContainersDeleted: [ended], SpaceReclaimed: 4096 });
    assert.deepEqual(described.differences("POST", "/containers/prune", 200, pruned.json), []);
    assert.equal((await served.ask("GET", "/containers/json")).status, 200);
  });

  it("list containers by whatever names their image", async () => {
    served.containers.add("up", "running", { found: IMAGE });
    const count = async (ancestor: string): Promise<number> => {
      const words = encodeURIComponent(JSON.stringify({ ancestor: [ancestor] }));
      return ((await served.ask("GET", `/containers/json?filters=${words}`)).json as unknown[]).length;
    };
    for (const name of ["demo", "demo:latest", "docker.io/library/demo"]) assert.equal(await count(name), 1);
    assert.equal(await count("1".repeat(12)), 1);
    assert.equal(await count("other"), 0);
    assert.equal(await count("Not/A/Name"), 0);
  });

  it("refuse to carry input without an upgrade", async () => {
    served.containers.add("box", "created", { openStdin: true });
    const { status, text } = await served.ask("POST", "/containers/box/attach?stream=1&stdin=1&stdout=1");
    assert.equal(status, 400);
    assert.match(text, /Upgrade: tcp/);
  });
});

describe("an endpoint whose containers boot", () => {
  const served = useServed("cold");

  it("makes none that goes on from a template", async () => {
    await served.ask("POST", "/containers/create", { Image: "demo", Cmd: ["true"] });
    assert.equal(served.containers.requests[0]?.start, "cold");
  });
});
