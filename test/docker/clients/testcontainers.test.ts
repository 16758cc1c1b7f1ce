import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { debianImage } from "../../support/images/index.ts";
import { useServedHost } from "../../support/served-host.ts";

const execute = promisify(execFile);

/** A start on a busy machine. */
const START_LIMIT_MS = 120_000;

describe("testcontainers with the endpoint", function () {
  this.timeout(400_000);
  const served = useServedHost();
  const own = { ...process.env };
  let started: StartedTestContainer;

  before(async function () {
    // The image: the first time it is made by debootstrap.
    this.timeout(600_000);
    await served.load(await debianImage(), "redis:debian");
    mkdirSync(served.file("tmp"));
    // It knows no other way than its process's environment; its reaper would be an image of Docker Hub's.
    Object.assign(process.env, served.environment(), {
      TESTCONTAINERS_RYUK_DISABLED: "true",
      TMPDIR: served.file("tmp"),
    });
  });

  after(() => {
    for (const name of Object.keys(process.env)) if (!Object.hasOwn(own, name)) delete process.env[name];
    Object.assign(process.env, own);
  });

  const redis = async (...words: string[]): Promise<string> => {
    const address = ["-h", started.getHost(), "-p", String(started.getMappedPort(6379))];
    return (await execute("redis-cli", [...address, ...words])).stdout.trim();
  };

  it("starts redis, with a file for it, and waits for a line of its log and for its port", async () => {
    started = await new GenericContainer("redis:debian")
      .withExposedPorts(6379)
      .withEnvironment({ GREETING: "hello" })
      .withCopyContentToContainer([{ content: "save ''\nprotected-mode no\n", target: "/etc/own.conf" }])
      .withCommand(["redis-server", "/etc/own.conf"])
      .withWaitStrategy(Wait.forAll([Wait.forLogMessage(/Ready to accept/), Wait.forListeningPorts()]))
      .withStartupTimeout(START_LIMIT_MS)
      .start();
    assert.notEqual(started.getMappedPort(6379), 6379);
    assert.deepEqual([await redis("set", "key", "kept"), await redis("get", "key")], ["OK", "kept"]);
  });

  it("executes in it, copies files both ways, and reads its log", async () => {
    const { output, exitCode } = await started.exec(["sh", "-c", "echo $GREETING; exit 3"]);
    assert.deepEqual([output, exitCode], ["hello\n", 3]);
    const source = served.file("copied");
    writeFileSync(source, "of this machine\n");
    await started.copyFilesToContainer([{ source, target: "/tmp/copied" }]);
    assert.equal((await started.exec(["cat", "/tmp/copied"])).output, readFileSync(source, "utf8"));
    assert.match(await text(await started.copyArchiveFromContainer("/etc/own.conf")), /protected-mode no\n/);
    const logs = await started.logs({ tail: 1 });
    const [line] = (await logs.take(1).toArray()) as unknown[];
    assert.match(String(line), /Ready to accept/);
  });

  it("restarts it, and removes it when it is stopped", async () => {
    await started.restart();
    assert.equal(await redis("get", "key"), "");
    const id = started.getId();
    await started.stop();
    assert.equal(await served.done("ps", "-aq", "--no-trunc", "--filter", `id=${id}`), "");
  });

  it("waits for a health check", async () => {
    const checked = await new GenericContainer("redis:debian")
      .withNetworkMode("none")
      .withHealthCheck({ test: ["CMD", "redis-cli", "ping"], interval: 1000, timeout: 10_000, retries: 60 })
      .withWaitStrategy(Wait.forHealthCheck())
      .withStartupTimeout(START_LIMIT_MS)
      .start();
    assert.equal((await checked.exec(["redis-cli", "ping"])).output, "PONG\n");
    await checked.stop();
  });
});
