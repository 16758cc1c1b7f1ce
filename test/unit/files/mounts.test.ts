import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isolated } from "../system/linux.ts";

const source = (path: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../../src/${path}`, import.meta.url)));

describe("a container's own mounts", function () {
  this.timeout(20_000);
  before(function () {
    if (process.getuid?.() !== 0) this.skip();
  });

  it("are seen through the root's descriptor, and not those that the agent alone has", async () => {
    const seen = await isolated(`
      const { ContainerRoot, packPath, unpackInto, statPath } = await import(${source("files/index.ts")});
      const { ByteSource } = await import(${source("protocol/archive/index.ts")});
      fs.mkdirSync("/mnt/root/volume", { recursive: true });
      fs.mkdirSync("/mnt/root/proc");
      fs.writeFileSync("/mnt/root/volume/hidden", "");
      fs.symlinkSync("/volume", "/mnt/root/way");
      const { root } = system.createMountNamespace("/mnt/root", [
        { do: "mount", source: "tmpfs", target: "/mnt/root/volume", type: "tmpfs", flags: 0 },
        { do: "mount", source: "proc", target: "/mnt/root/proc", type: "proc", flags: 0 },
      ]);
      const container = new ContainerRoot(system, root);
      const collect = async (path) => {
        const parts = [];
        for await (const part of packPath(container, path)) parts.push(part);
        return Buffer.concat(parts);
      };
      fs.writeFileSync("/mnt/file", "content");
      const parts = [];
      const own = new ContainerRoot(system, fs.openSync("/mnt", 0o10000000));
      for await (const part of packPath(own, "/file")) parts.push(part);
      const put = (path) => unpackInto(container, path, new ByteSource((async function* () { yield* parts; })()), { keepsDirectories: true });
      await put("/way");
      await put("/volume/.");
      const archive = (await collect("/volume")).toString("latin1");
      const refused = await put("/proc/self/root").then(() => "done", (error) => error.code);
      result([
        statPath(container, "/volume/file").size,
        statPath(container, "/way").linkTarget,
        container.resolve("/way/file"),
        archive.includes("volume/file"), archive.includes("hidden"),
        fs.readdirSync("/mnt/root/volume"),
        statPath(container, "/proc/version").size,
        refused,
      ]);
    `);
    assert.deepEqual(seen, [7, "/volume", "/volume/file", true, false, ["hidden"], 0, "copy-impossible"]);
  });
});
