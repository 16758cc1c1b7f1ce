import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { IMPORTED_IMAGE, useDockerd } from "../../support/dockerd.ts";
import { type Call, DEMO_IMAGE, useHost } from "../../support/vm-host.ts";
import { run, type Side } from "./transcript.ts";

const execute = promisify(execFile);

/** One of the two engines. */
interface NamedSide extends Side {
  readonly name: "dockerd" | "vch";
}

/** Debian's dockerd, and `vch serve`. */
export interface Sides {
  /** dockerd first. */
  all(): readonly NamedSide[];
}

/**
 * Both engines for the tests of the surrounding `describe`, each with the demo image, loaded from the same archive as
 * `demo:latest`, and with nothing else.
 */
export function useSides(): Sides {
  // First of all, and so ended first as well, whatever the host finds left.
  const dockerd = useDockerd();
  let endpoint: Call | undefined;
  after(async () => {
    endpoint?.process.kill("SIGTERM");
    const ended = await endpoint?.finished;
    assert.equal(ended?.status, 0, ended?.stderr.toString("utf8"));
  });
  const host = useHost({ sharesImages: false });
  let folder = "";
  let sides: readonly NamedSide[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "differential-"));
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST=/);
    const own = { ...host.environment(), DOCKER_HOST: `unix://${host.file("sock")}` };
    sides = [
      makeSide("dockerd", dockerd.environment(), folder),
      makeSide("vch", { ...own, DOCKER_CONFIG: host.file("config") }, folder),
    ];
    const archive = join(folder, "demo.tar");
    const target = `docker-archive:${archive}:demo:latest`;
    await execute("skopeo", ["--insecure-policy", "copy", "-q", DEMO_IMAGE, target]);
    // What this dockerd has imported by that name is another image.
    await execute("docker", ["rmi", IMPORTED_IMAGE], { env: dockerd.environment() });
    for (const side of sides) {
      const { status, err } = await run(side, `docker load -q -i ${archive}`);
      assert.equal(status, 0, `${side.name}: docker load: ${err}`);
    }
  });
  after(() => rmSync(folder, { recursive: true }));
  return { all: () => sides };
}

function makeSide(name: NamedSide["name"], environment: NodeJS.ProcessEnv, folder: string): NamedSide {
  const own = join(folder, name);
  mkdirSync(own);
  const socket = environment["DOCKER_HOST"] ?? "";
  return { name, environment, folder: own, names: { [own]: "FOLDER", [socket]: "SOCKET" } };
}
