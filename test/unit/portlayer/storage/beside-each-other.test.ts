import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { disksBelow, ImageStore, parseImageReference } from "../../../../src/portlayer/storage/index.ts";
import { type ImageContent, imageIdOf, writeOciImage } from "../../../support/images/index.ts";
import { Registry } from "../../../support/registry.ts";
import { RegistryProxy } from "../../../support/registry-proxy.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const STORAGE = new URL("../../../../src/portlayer/storage/index.ts", import.meta.url).href;

const BASE = [{ name: "bin/" }, { name: "bin/sh", mode: 0o755, data: "shell" }];
const ONE: ImageContent = { layers: [BASE, [{ name: "one", data: "1" }]] };
const TWO: ImageContent = { layers: [BASE, [{ name: "two", data: "2" }]] };

describe("processes that use one image store beside each other", function () {
  this.timeout(120_000);
  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  const folder = useTemporaryFolder();
  const root = (): string => join(folder.path, "store");

  /** Does something with a store in a process of its own. @returns the tools that it took, in their order. */
  async function withStore(work: string): Promise<string[]> {
    const script = `
      const { ImageStore, parseImageReference, runTool } = await import(${JSON.stringify(STORAGE)});
      const run = (tool, args, options) => (console.log(tool), runTool(tool, args, options));
      const store = new ImageStore({ root: ${JSON.stringify(root())}, run });
      ${work}`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    return stdout.split("\n").filter((line) => line !== "");
  }
  async function publish(name: string, content: ImageContent): Promise<string> {
    await writeOciImage(join(folder.path, name), content);
    return `oci:${folder.path}/${name}:latest`;
  }
  const acquire = (image: string): Promise<string[]> =>
    withStore(`await store.acquire(parseImageReference("${image}"));`);

  it("make an image's disk once", async () => {
    const image = await publish("one", ONE);
    const tools = (await Promise.all([acquire(image), acquire(image), acquire(image)])).flat();
    assert.deepEqual(
      tools.filter((tool) => tool === "mke2fs"),
      ["mke2fs"],
    );
    assert.equal((await new ImageStore({ root: root() }).list()).length, 1);
    assert.deepEqual(readdirSync(join(root(), "tmp")), []);
  });

  it("make a layer once that two images have", async () => {
    const images = [await publish("one", ONE), await publish("two", TWO)];
    await Promise.all(images.map(acquire));
    const store = new ImageStore({ root: root() });
    const lowest = [];
    for (const image of images)
      lowest.push(statSync(disksBelow((await store.acquire(parseImageReference(image))).disk).at(-1) ?? ""));
    assert.equal(lowest[0]?.ino, lowest[1]?.ino);
  });

  it("fetch an image once from its registry", async () => {
    mkdirSync(join(folder.path, "registry"));
    await using registry = await Registry.start(join(folder.path, "registry"));
    await using proxy = await RegistryProxy.start(registry.host);
    const words = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
    execFileSync("skopeo", [...words, await publish("one", ONE), `docker://${registry.host}/one:v1`]);
    const name = `${proxy.host}/one:v1`;
    const pull = (): Promise<string[]> =>
      withStore(`await store.pull("${name}", { familiar: "${name}" }, { onFound() {}, onLayer() {} });`);
    const tools = (await Promise.all([pull(), pull()])).flat();
    assert.deepEqual(
      tools.filter((tool) => tool === "mke2fs"),
      ["mke2fs"],
    );
    // Both ask for the manifest, one for the layers (and twice for the configuration).
    assert.deepEqual(
      [...proxy.asked.values()].toSorted((a, b) => a - b),
      [1, 1, 2],
    );
    assert.equal((await new ImageStore({ root: root() }).findNamed(name))?.digest, imageIdOf(ONE));
  });
});
