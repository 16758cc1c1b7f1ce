import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { useSegment } from "../support/network-segment.ts";
import { NfsServer } from "../support/nfs-server.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { ask } from "../support/vm-questions.ts";

const NETWORK = ["--network", "tap:tap0,ip=192.0.2.7/24"];

describe("volumes of an NFS server", () => {
  const host = useHost();
  const segment = useSegment("nfs", ["192.0.2.1/24"], 1);
  let server: NfsServer;

  before(async function () {
    this.timeout(60_000);
    mkdirSync(host.file("nfs"));
    server = await NfsServer.start(segment, host.file("nfs"));
  });
  after(() => server[Symbol.asyncDispose]());

  const create = async (name: string, device: string, o: string): Promise<void> => {
    const options = [["type=nfs"], [`device=${device}`], [`o=${o}`]].flatMap(([each = ""]) => [
      "--opt",
      each,
    ]);
    const { status, stderr } = await host.run(["volume", "create", ...options, name]);
    assert.equal(status, 0, stderr.toString());
  };

  it("are mounted with versions 4 and 3, by address and by name, written to, and read-only", async function () {
    this.timeout(120_000);
    await create("fourth", "store:/data", "hard");
    await create("third", `:${server.folder}`, "addr=192.0.2.1,vers=3");
    const volumes = ["-v", "fourth:/four", "-v", "third:/three:ro", "--add-host", "store:192.0.2.1"];
    const { mounts, files, closed } = await ask(
      host,
      [...NETWORK, ...volumes, DEMO_IMAGE],
      {
        mounts: "grep -E ' /(four|three) ' /proc/mounts",
        files: "cat /four/file; echo written > /four/new; cat /three/new; stat -c %u /four/new",
        closed: "touch /three/x",
      },
      segment.vch,
    );
    assert.match(mounts.output, /^store:\/data \/four nfs4 rw,.*vers=4\.\d,.*addr=192\.0\.2\.1/m);
    assert.match(mounts.output, /^192\.0\.2\.1:\S+\/export \/three nfs ro,.*vers=3,/m);
    assert.equal(files.output, "served\nwritten\n0\n");
    assert.match(closed.output, /Read-only file system/);
  });

  it("end in a named error when there is no such folder, no such name, or nobody answers", async function () {
    this.timeout(180_000);
    await create("nowhere", ":/nowhere", "addr=192.0.2.1");
    await create("nameless", "nobody.example:/data", "hard");
    await create("silent", ":/data", "addr=192.0.2.99");
    const complaint = async (name: string): Promise<string> => {
      const words = ["run", "--rm", ...NETWORK, "-v", `${name}:/data`, DEMO_IMAGE, "true"];
      const { status, complaints } = await host.run(words, { program: segment.vch });
      assert.equal(status, 125);
      return complaints.join("\n");
    };
    assert.match(
      await complaint("nowhere"),
      /^vch: volume nowhere could not be mounted: .*(ENOENT|No such file)/,
    );
    assert.match(
      await complaint("nameless"),
      /nobody\.example cannot be looked up: the container has no name server/,
    );
  });
});
