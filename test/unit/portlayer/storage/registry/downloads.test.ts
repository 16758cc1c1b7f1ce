import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { ImageStore } from "../../../../../src/portlayer/storage/index.ts";
import { keepDownload, trimDownloads } from "../../../../../src/portlayer/storage/registry/downloads.ts";
import { type ImageContent, imageIdOf, writeOciImage } from "../../../../support/images/index.ts";
import { Registry } from "../../../../support/registry.ts";
import { RegistryProxy } from "../../../../support/registry-proxy.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

const STORAGE = new URL("../../../../../src/portlayer/storage/index.ts", import.meta.url).href;

/** What cannot be compressed, so that a layer is as long on the wire. */
const layer = (name: string) => [{ name, data: randomBytes(200_000) }];
const [BELOW, MIDDLE, LAST, OTHER] = [layer("below"), layer("middle"), layer("last"), layer("other")];
const CONTENT: ImageContent = { layers: [BELOW, MIDDLE, LAST] };
const KIN: ImageContent = { layers: [BELOW, MIDDLE, OTHER] };

/** Each attempt in vain costs next to nothing, and no test waits for the limit but the one of it. */
const PATIENCE = { attempts: 3, retryMs: 1, stallMs: 600_000 };

describe("a pull that is cut off", function () {
  this.timeout(120_000);
  let registry: Registry;
  let proxy: RegistryProxy;
  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  const folder = useTemporaryFolder();
  const root = (): string => join(folder.path, "store");
  /** Of CONTENT's layers, the lowest first. */
  let digests: string[];
  let [below, middle, last] = ["", "", ""];

  beforeEach(async () => {
    mkdirSync(join(folder.path, "registry"));
    registry = await Registry.start(join(folder.path, "registry"));
    proxy = await RegistryProxy.start(registry.host);
    digests = await publish("app", CONTENT);
    [below = "", middle = "", last = ""] = digests;
  });
  afterEach(async () => {
    await proxy[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  /** @returns the digests of its layers. */
  async function publish(name: string, content: ImageContent): Promise<string[]> {
    const layout = join(folder.path, name);
    const manifest = await writeOciImage(layout, content);
    const words = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
    execFileSync("skopeo", [...words, `oci:${layout}:latest`, `docker://${registry.host}/${name}:v1`]);
    const { layers } = JSON.parse(
      readFileSync(join(layout, "blobs", manifest.replace(":", "/")), "utf8"),
    ) as { layers: { digest: string }[] };
    return layers.map(({ digest }) => digest);
  }

  async function pull({
    name = "app",
    patience = {},
    signal,
    onComplete = () => {},
  }: {
    name?: string;
    patience?: Partial<typeof PATIENCE>;
    signal?: AbortSignal;
    onComplete?: (digest: string) => void;
  } = {}): Promise<{ digest: string; told: string[] }> {
    const told: string[] = [];
    const store = new ImageStore({ root: root(), patience: { ...PATIENCE, ...patience } });
    const complete = `${proxy.host}/${name}:v1`;
    const { image } = await store.pull(
      complete,
      { familiar: complete, signal },
      {
        onFound: () => {},
        onLayer(digest, progress) {
          told.push(`${digest} ${progress}`);
          if (progress === "Download complete") onComplete(digest);
        },
      },
    );
    return { digest: image.digest, told };
  }

  const stallTheLast = (): void => {
    proxy.fault = (digest) => (digest === last ? { afterBytes: 1000, ending: "stall" } : undefined);
  };
  const cutTheLast = (times = Infinity): void => {
    let left = times;
    proxy.fault = (digest) => {
      if (digest !== last || left === 0) return undefined;
      left -= 1;
      return { afterBytes: 1000, ending: "cut" };
    };
  };
  const kept = (): string[] => {
    const downloads = join(root(), "downloads");
    return existsSync(downloads) ? readdirSync(downloads).map((name) => name.replace("-", ":")) : [];
  };

  /** The registry is well again: what comes now, and what is left when it has. */
  async function pullsOnly(...expected: string[]): Promise<void> {
    proxy.reset();
    assert.equal((await pull()).digest, imageIdOf(CONTENT));
    assert.deepEqual([...proxy.given.keys()].filter((digest) => digests.includes(digest)).toSorted(), [
      ...expected.toSorted(),
    ]);
    assert.deepEqual(kept(), []);
    assert.deepEqual(readdirSync(join(root(), "tmp")), []);
  }

  it("fetches again only what it had not whole, when its client has left", async () => {
    stallTheLast();
    const gone = new AbortController();
    const reason = new Error("the client has gone");
    const awaited = new Set([below, middle]);
    const pulled = pull({
      signal: gone.signal,
      onComplete(digest) {
        awaited.delete(digest);
        if (awaited.size === 0) gone.abort(reason);
      },
    });
    await assert.rejects(pulled, reason);
    assert.deepEqual(kept().toSorted(), [below, middle].toSorted());
    await pullsOnly(last);
  });

  it("fetches again only what it had not whole, when its process was killed, and leaves no other process", async () => {
    stallTheLast();
    const complete = `${proxy.host}/app:v1`;
    const child = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `const { ImageStore } = await import(${JSON.stringify(STORAGE)});
        const observer = { onFound() {}, onLayer: (digest, progress) => console.log(digest, progress) };
        const store = new ImageStore({ root: ${JSON.stringify(root())} });
        await store.pull("${complete}", { familiar: "${complete}" }, observer);`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const awaited = new Set([`${below} Download complete`, `${middle} Download complete`]);
    for await (const line of createInterface(child.stdout)) {
      awaited.delete(line);
      if (awaited.size === 0) break;
    }
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
    // The registry still stalls: nothing but its parent's end ends skopeo.
    while (readdirSync("/proc").some((name) => commandOf(name).includes(root()))) await pause(10);
    await pullsOnly(last);
  });

  it("goes on by itself when the connection is cut, and says so", async () => {
    cutTheLast(2);
    const { digest, told } = await pull();
    assert.equal(digest, imageIdOf(CONTENT));
    assert.deepEqual(
      digests.map((each) => proxy.asked.get(each)),
      [1, 1, 3],
    );
    assert.equal(told.filter((line) => line === `${last} Retrying in 1 second`).length, 2);
    assert.deepEqual(kept(), []);
  });

  it("fails in one line when every attempt is cut, and fetches then what was missing", async () => {
    cutTheLast();
    await assert.rejects(pull(), { code: "image-unreachable", message: /EOF$/ });
    await pullsOnly(last);
  });

  it("fails in one line when nothing comes any more", async () => {
    stallTheLast();
    await assert.rejects(pull({ patience: { attempts: 2, stallMs: 1000 } }), {
      code: "image-unreachable",
      message: `${proxy.host}/app:v1: download stalled: nothing has come for 1 s`,
    });
    assert.deepEqual(readdirSync(join(root(), "tmp")), []);
  });

  it("gives up what it kept and is no good any more", async () => {
    cutTheLast();
    await assert.rejects(pull());
    const bytes = readFileSync(join(root(), "downloads", below.replace(":", "-")));
    writeFileSync(join(root(), "downloads", below.replace(":", "-")), bytes.fill(0, 100, 200));
    proxy.reset();
    await assert.rejects(pull(), { code: "image-corrupt" });
    await pullsOnly(...digests);
  });

  it("lets go of what is kept when images are pruned", async () => {
    cutTheLast();
    await assert.rejects(pull());
    const store = new ImageStore({ root: root() });
    assert.equal(await store.forgetDownloads(0), 0);
    assert((await store.forgetDownloads(Infinity)) >= 400_000);
    assert.deepEqual(kept(), []);
  });

  it("leaves nothing of what does not fit, and goes on when there is room", async () => {
    mkdirSync(root());
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", root()]);
    try {
      await assert.rejects(pull(), {
        code: "no-space",
        message: `image ${proxy.host}/app:v1 does not fit: no space left on the disk of ${root()}`,
      });
      assert.deepEqual([kept(), readdirSync(join(root(), "tmp"))], [[], []]);
      execFileSync("mount", ["-o", "remount,size=64m", root()]);
      await pullsOnly(...digests);
    } finally {
      execFileSync("umount", [root()]);
    }
  });

  it("fetches no layer that another image of the store has", async () => {
    await publish("kin", KIN);
    await pull({ name: "kin" });
    proxy.reset();
    const { told } = await pull();
    assert(told.includes(`${below} Already exists`), told.join("\n"));
    assert.deepEqual(
      digests.map((each) => proxy.asked.get(each)),
      [undefined, undefined, 1],
    );
  });
});

describe("layers that are kept for another pull", () => {
  const folder = useTemporaryFolder();

  it("go when they are too old, and the oldest when they are too much", async () => {
    const now = Date.now();
    for (const [name, age] of [
      ["sha256-a", 10],
      ["sha256-b", 20],
      ["sha256-c", 30],
      ["sha256-d", 40],
    ] as const) {
      writeFileSync(join(folder.path, name), Buffer.alloc(100));
      keepDownload(folder.path, name.replace("-", ":"), join(folder.path, name));
      utimesSync(join(folder.path, name), new Date(now - age * 1000), new Date(now - age * 1000));
    }
    const left = () => readdirSync(join(folder.path, "downloads")).toSorted();
    const bounds = { mostBytes: 1000, longestMs: 35_000, now };
    assert.equal(await trimDownloads(folder.path, bounds), 100);
    assert.deepEqual(left(), ["sha256-a", "sha256-b", "sha256-c"]);
    assert.equal(await trimDownloads(folder.path, { ...bounds, mostBytes: 200 }), 100);
    assert.deepEqual(left(), ["sha256-a", "sha256-b"]);
    assert.equal(await trimDownloads(join(folder.path, "nothing"), bounds), 0);
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // no process, or one that has ended
  }
}
