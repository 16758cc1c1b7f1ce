import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import type { Said } from "../../support/said.ts";
import { useServedHost } from "../../support/served-host.ts";

/** Debian's, version 1.29. */
const COMPOSE = "/usr/bin/docker-compose";

/** Without `network_mode` compose makes a network of its own. */
const FILE = `
version: "3.7"
services:
  box:
    image: demo:1
    command: ["sh", "-c", "echo ready $$COLOUR; while :; do sleep 1; done"]
    environment:
      COLOUR: green
    network_mode: none
    volumes:
      - kept:/data
volumes:
  kept:
    driver_opts:
      size: 32m
`;

describe("docker-compose with the endpoint", () => {
  const served = useServedHost();

  before(() => {
    mkdirSync(served.file("project"));
    writeFileSync(served.file("project", "docker-compose.yml"), FILE);
  });

  function compose(...words: string[]): Promise<Said> {
    return served.call(COMPOSE, words, { directory: served.file("project") });
  }

  async function done(...words: string[]): Promise<string> {
    const { status, out, err } = await compose(...words);
    assert.equal(status, 0, `docker-compose ${words.join(" ")}: ${err}`);
    return out;
  }

  it("brings a service up, shows it and its output", async () => {
    await done("up", "-d");
    assert.match(await done("ps"), /^project_box_1 .* Up /m);
    assert.match(await done("logs", "--no-color"), /^box_1 +\| ready green$/m);
    assert.match(await done("top"), /sleep 1/);
    assert.match((await compose("up", "-d")).err, /project_box_1 is up-to-date/);
  });

  it("executes in it", async () => {
    const said = await compose(
      "exec",
      "-T",
      "box",
      "sh",
      "-c",
      "echo text > /data/file; echo $COLOUR; exit 3",
    );
    assert.deepEqual([said.status, said.out], [3, "green\n"]);
  });

  it("stops and starts it, with its volume", async () => {
    await done("stop", "-t", "1");
    assert.match(await done("ps"), /^project_box_1 .* Exit 143 /m);
    await done("start");
    assert.equal(await done("exec", "-T", "box", "cat", "/data/file"), "text\n");
  });

  it("takes it down with all that it made", async () => {
    await done("down", "-v", "-t", "1");
    assert.equal(await served.done("ps", "-aq"), "");
    assert.equal(await served.done("volume", "ls", "-q"), "");
  });

  it("is refused a network of its own", async () => {
    writeFileSync(served.file("project", "docker-compose.yml"), FILE.replace(/^ +network_mode.*\n/m, ""));
    const { status, err } = await compose("up", "-d");
    assert.equal(status, 1);
    assert.match(err, /a network .*is not supported by this endpoint yet/);
  });
});
