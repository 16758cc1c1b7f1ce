import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { type TarEntry, writeDockerArchive } from "../support/images/index.ts";
import { DOCKER } from "../support/dockerd.ts";
import { ROOT } from "../support/project-files.ts";
import { type Call, useHost } from "../support/vm-host.ts";

const execute = promisify(execFile);

const SHARED: readonly TarEntry[] = [
  { name: "base/" },
  ...["gone", "hidden", "kept"].map((name) => ({ name: `base/${name}`, data: `${name}\n` })),
];

/** What the images have over the layers that they share. */
const OWN: Readonly<Record<string, readonly TarEntry[]>> = {
  one: [{ name: "base/.wh.gone" }, { name: "base/one", data: "1\n" }],
  two: [{ name: "base/" }, { name: "base/.wh..wh..opq" }, { name: "base/two", data: "2\n" }],
};

describe("layers that images share, with the docker command", () => {
  let endpoint: Call;
  after(async () => {
    endpoint?.process.kill("SIGTERM");
    assert.equal((await endpoint?.finished)?.status, 0);
  });
  const host = useHost({ sharesImages: false });

  async function done(...words: string[]): Promise<string> {
    const environment = { DOCKER_HOST: `unix://${host.file("sock")}`, DOCKER_CONFIG: host.file("config") };
    const { stdout } = await execute(DOCKER, words, { env: { ...process.env, ...environment } });
    return stdout.trim();
  }
  const run = (image: string, line: string): Promise<string> =>
    done("run", "--rm", "--network", "none", image, "sh", "-c", line);

  /** How many images have each snapshot of one, the lowest first. */
  async function users(image: string): Promise<number[]> {
    const id = await done("inspect", "-f", "{{.Id}}", image);
    const folder = join(host.state("images"), `${id.replace(":", "-")}.v3`);
    const { snapshots } = JSON.parse(await readFile(join(folder, "image.json"), "utf8")) as {
      snapshots: { name: string }[];
    };
    return snapshots.map(({ name }) => statSync(join(folder, name)).nlink);
  }

  before(async () => {
    mkdirSync(host.file("config"));
    const demo = join(ROOT, "build/demo-image/blobs/sha256");
    const blobs = readdirSync(demo).map((name) => join(demo, name));
    const largest = blobs.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? "";
    const lowest = gunzipSync(await readFile(largest));
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST=unix:\/\/.*sock\n$/);
    for (const [name, own] of Object.entries(OWN)) {
      const file = host.file(`${name}.tar`);
      const config = { Cmd: ["sleep", "1000"], Env: ["PATH=/bin"] };
      await writeDockerArchive(file, { layers: [lowest, SHARED, own], config });
      await done("load", "-i", file);
      await done("tag", "tests/image:latest", name);
    }
    await done("rmi", "tests/image:latest");
  });

  it("are stored once, read by the containers of each, and go with the last image", async () => {
    assert.deepEqual(
      [await users("one"), await users("two")],
      [
        [2, 2, 1],
        [2, 2, 1],
      ],
    );
    assert.equal(await run("one", "cd /base; ls; cat kept one"), "hidden\nkept\none\nkept\n1");

    // A commit is one more layer, over all of its image's.
    await done("run", "-d", "--network", "none", "--name", "box", "two");
    await done("exec", "box", "sh", "-c", "cd /base; ls; echo more >> two; mkdir made; rm /bin/hello");
    const changed = ["C /base", "A /base/made", "C /base/two", "C /bin", "D /bin/hello"];
    assert.deepEqual((await done("diff", "box")).split("\n").sort(), [...changed].sort());
    await done("commit", "box", "three");
    await done("rm", "-f", "box");
    assert.deepEqual(await users("three"), [3, 3, 2, 1]);

    await done("rmi", "one");
    assert.deepEqual(await users("two"), [2, 2, 2]);
    await done("rmi", "two");
    assert.deepEqual(await users("three"), [1, 1, 1, 1]);
    const look = "cd /base; ls; cat two; ls /bin/hello 2>&1";
    assert.equal(
      await run("three", `${look} || true`),
      "made\ntwo\n2\nmore\nls: /bin/hello: No such file or directory",
    );
    assert.match(await done("rmi", "three"), /^Untagged: three:latest\nDeleted: sha256:/);
    assert.deepEqual(
      readdirSync(host.state("images")).filter((name) => name.startsWith("sha256-")),
      [],
    );
  });
});
