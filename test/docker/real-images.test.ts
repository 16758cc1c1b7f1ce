import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { DOCKER } from "../support/dockerd.ts";
import { debianImage } from "../support/images/index.ts";
import { useServedHost } from "../support/served-host.ts";

const execute = promisify(execFile);

/** As the entrypoint of PostgreSQL's own image: the first start makes the databases. */
const DATABASE = `
  export PATH=$PATH:/usr/lib/postgresql/15/bin PGDATA=/var/lib/postgresql/data
  [ -e $PGDATA/PG_VERSION ] || initdb --no-sync > /tmp/initdb.log || exit
  exec postgres`;

/** How often a server is asked whether it is ready, several times a second. */
const MOST_TRIES = 900;

describe("Debian's servers in container VMs of the endpoint", function () {
  // Making databases is work for a processor, which a busy machine may have little of.
  this.timeout(400_000);
  const served = useServedHost();
  let redisPort: number;

  before(async function () {
    // The first time it is made by debootstrap.
    this.timeout(600_000);
    await served.load(await debianImage(), "debian:1");
  });

  /** Resolves when the command succeeds in the container. */
  function until(container: string, command: string): Promise<string> {
    const tries = `n=0; until ${command}; do n=$((n+1)); [ $n -lt ${MOST_TRIES} ] || exit 1; sleep 0.2; done`;
    return served.done("exec", container, "sh", "-c", tries);
  }

  /** Which port of this machine leads to one of the servers'. */
  const portOf = async (port: string): Promise<number> => {
    const [, found] = /^127\.0\.0\.1:(\d+)$/.exec(await served.done("port", "servers", port)) ?? [];
    return Number(found);
  };

  const redis = async (...words: string[]): Promise<string> =>
    (await execute("redis-cli", ["-h", "127.0.0.1", "-p", String(redisPort), ...words])).stdout.trim();

  const inDatabase = (command: string): Promise<string> =>
    served.done("exec", "-u", "postgres", "-w", "/tmp", "database", "sh", "-c", command);

  it("redis and nginx answer this machine at published ports", async () => {
    await served.done(
      ...["run", "-d", "--name", "servers", "-v", "redis:/var/lib/redis", "-w", "/var/lib/redis"],
      ...["-p", "127.0.0.1:0:6379", "-p", "127.0.0.1::80", "debian:1"],
      ...["redis-server", "--protected-mode", "no", "--appendonly", "yes"],
    );
    redisPort = await portOf("6379/tcp");
    const webPort = await portOf("80/tcp");
    await until("servers", "redis-cli ping");
    assert.equal(await redis("set", "greeting", "kept"), "OK");
    assert.equal(await redis("get", "greeting"), "kept");
    await served.done("exec", "servers", "sh", "-c", "echo a page > /var/www/html/page; nginx");
    const page = await fetch(`http://127.0.0.1:${webPort}/page`);
    assert.deepEqual(
      [page.status, page.headers.get("server"), await page.text()],
      [200, "nginx/1.22.1", "a page\n"],
    );
    assert.equal((await fetch(`http://127.0.0.1:${webPort}/nothing`)).status, 404);
  });

  it("PostgreSQL makes its databases and stands pgbench", async () => {
    await served.done(
      ...[
        "run",
        "-d",
        "--name",
        "database",
        "--network",
        "none",
        "--stop-signal",
        "SIGINT",
        "-u",
        "postgres",
      ],
      ...["-v", "database:/var/lib/postgresql", "debian:1", "sh", "-c", DATABASE],
    );
    await until("database", "pg_isready -q");
    await inDatabase("/usr/lib/postgresql/15/bin/pgbench -i -q postgres");
    const report = await inDatabase("/usr/lib/postgresql/15/bin/pgbench -c 2 -t 20 postgres");
    assert.match(report, /number of transactions actually processed: 40\/40/);
    assert.match(report, /number of failed transactions: 0 /);
  });

  it("both have their data after they were stopped and started", async () => {
    await served.done("stop", "servers", "database");
    const ended = await served.done("inspect", "-f", "{{.State.ExitCode}}", "servers", "database");
    assert.equal(ended, "0\n0");
    await served.done("start", "servers", "database");
    redisPort = await portOf("6379/tcp");
    await until("servers", "redis-cli ping");
    assert.equal(await redis("get", "greeting"), "kept");
    await until("database", "pg_isready -q");
    const sums =
      "select count(*), sum(delta) = (select sum(abalance) from pgbench_accounts) from pgbench_history";
    assert.equal(await inDatabase(`psql -Atc '${sums}' postgres`), "40|t");
    // It had been shut down, not cut off.
    const { out, err } = await served.call(DOCKER, ["logs", "database"]);
    assert.match(out + err, /database system is shut down/);
    assert.doesNotMatch(out + err, /not properly shut down/);
  });
});
