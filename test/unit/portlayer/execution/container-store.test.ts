import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { ContainerStore, exitStatus, openStateFolder } from "../../../../src/portlayer/execution/index.ts";
import {
  checkContainerName,
  makeContainerName,
} from "../../../../src/portlayer/execution/container-names.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { containerRecord } from "../../../support/container-records.ts";
import { damageRecord } from "../../../support/damage-record.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const STORE = new URL("../../../../src/portlayer/execution/index.ts", import.meta.url).href;

describe("the container store", () => {
  const folder = useTemporaryFolder();
  let store: ContainerStore;
  beforeEach(() => {
    store = new ContainerStore(openStateFolder({ VCH_STATE: folder.path }));
  });

  it("keeps a record as it was, for any other vch too", () => {
    const record = containerRecord("a", {
      machine: { pid: 5, startTime: "77" },
      exit: { code: 3, signal: 0 },
    });
    const created = store.create("web", (name) => ({ ...record, name }));
    assert.deepEqual(created, { ...record, name: "web" });
    const other = new ContainerStore(openStateFolder({ VCH_STATE: folder.path }));
    assert.deepEqual(other.list(), [created]);
    other.save({ ...created, error: "changed" });
    assert.equal(store.find("web").error, "changed");
  });

  it("gives a made-up name to a container without one", () => {
    const { name } = store.create(undefined, () => containerRecord("a"));
    assert.match(name, /^[a-z]+_[a-z]+$/);
    assert.equal(store.find(name).id, containerRecord("a").id);
  });

  it("refuses a name that is taken, in Docker's words, and keeps nothing of the second", () => {
    const first = store.create("web", () => containerRecord("a"));
    assert.throws(
      () => store.create("web", () => containerRecord("b")),
      catalogueError(
        "name-in-use",
        new RegExp(
          `^Conflict\\. The container name "/web" is already in use by container "${first.id}"\\. You have to remove`,
        ),
      ),
    );
    assert.deepEqual(store.list(), [first]);
    assert.deepEqual(readdirSync(join(folder.path, "containers")), [first.id]);
  });

  it("frees a name with its container, and only then", () => {
    const first = store.create("web", () => containerRecord("a"));
    store.remove(first);
    assert.equal(existsSync(store.folderOf(first.id)), false);
    const second = store.create("web", () => containerRecord("b"));
    store.remove(first);
    assert.equal(store.find("web").id, second.id);
  });

  it("leaves nothing of a container though others want its lock", async () => {
    const { id } = containerRecord("a");
    const source = `
      import { ContainerStore, openStateFolder } from ${JSON.stringify(STORE)};
      const store = new ContainerStore(openStateFolder({ VCH_STATE: ${JSON.stringify(folder.path)} }));
      console.log("ready");
      for (;;) try { store.tryLock("${id}")?.[Symbol.dispose](); } catch {}
    `;
    const other = spawn(process.execPath, ["--input-type=module", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(other.stdout, "data");
      for (let round = 0; round < 200; round += 1) {
        const record = store.create("web", () => containerRecord("a"));
        store.tryLock(id)?.[Symbol.dispose]();
        store.remove(record);
        assert.deepEqual(readdirSync(join(folder.path, "containers")), []);
      }
    } finally {
      other.kill("SIGKILL");
    }
  }).timeout(20_000);

  it("removes what a vch that was killed has left of a creation or a removal", () => {
    mkdirSync(join(folder.path, "containers", "x.removed", "lock"), { recursive: true });
    mkdirSync(join(folder.path, "containers", "c".repeat(64)));
    const { id } = store.create("web", () => containerRecord("a"));
    assert.deepEqual(readdirSync(join(folder.path, "containers")), [id]);
  });

  it("has nothing of a container whose removal was cut off, and its name is free", () => {
    const cut = store.create("web", () => containerRecord("a"));
    const other = store.create("other", () => containerRecord("b"));
    renameSync(store.folderOf(cut.id), `${store.folderOf(cut.id)}.removed`);
    assert.deepEqual(store.list(), [other]);
    assert.throws(() => store.find("web"), catalogueError("no-such-container"));
    assert.equal(store.isRemoved(cut.id), true);
    store.rename(other, "web");
    assert.equal(store.find("web").id, other.id);
    assert.deepEqual(readdirSync(join(folder.path, "containers")), [other.id]);
  });

  it("finds by name, by id, and by the beginning of an id", () => {
    const a = store.create("web", () => containerRecord("ab1"));
    const b = store.create("ab", () => containerRecord("ab2"));
    for (const reference of ["web", a.id, "ab1"]) assert.equal(store.find(reference).id, a.id, reference);
    assert.equal(store.find("ab").id, b.id, "a name wins over the beginning of an id");
    assert.throws(() => store.find("ab0"), catalogueError("no-such-container", /^No such container: ab0$/));
    assert.throws(() => store.find(""), catalogueError("no-such-container"));
    store.remove(b);
    store.create("other", () => containerRecord("ab3"));
    assert.throws(
      () => store.find("ab"),
      catalogueError("invalid-option", /^multiple IDs found with provided prefix: ab$/),
    );
  });

  it("lists the oldest first", () => {
    for (const [id, created] of [
      ["a", "2026-03-01"],
      ["b", "2026-01-01"],
      ["c", "2026-02-01"],
    ] as const) {
      store.create(id.repeat(2), () => containerRecord(id, { created: `${created}T00:00:00.000Z` }));
    }
    assert.deepEqual(
      store.list().map(({ name }) => name),
      ["bb", "cc", "aa"],
    );
  });

  it("has the record as another vch has written it meanwhile", () => {
    const record = store.create("name", () => containerRecord("a"));
    assert.equal(store.find("name").cpus, 2);
    new ContainerStore(openStateFolder({ VCH_STATE: folder.path })).save({ ...record, cpus: 3 });
    assert.deepEqual([store.find("name").cpus, store.list()[0]?.cpus], [3, 3]);
  });

  it("leaves out a container that is being made or removed this moment", () => {
    mkdirSync(store.folderOf(containerRecord("a").id));
    assert.deepEqual(store.list(), []);
  });

  for (const [what, content] of [
    ["cut off", '{"version": 1, '],
    ["of another shape", '{"version": 1}'],
    ["empty", ""],
  ] as const) {
    it(`names a container whose record is ${what}, in one line`, () => {
      const { id } = store.create("web", () => containerRecord("a"));
      damageRecord(folder.path, id, content);
      assert.throws(
        () => store.list(),
        catalogueError("internal", new RegExp(`^the record of container ${id} is damaged`)),
      );
    });
  }

  it("is not hindered by a damaged record from finding and removing the others", () => {
    const { id } = store.create("bad", () => containerRecord("a"));
    const good = store.create("good", () => containerRecord("b"));
    damageRecord(folder.path, id, "{");
    for (const reference of ["good", good.id, "b0"])
      assert.equal(store.find(reference).id, good.id, reference);
    assert.throws(() => store.find("bad"), catalogueError("internal", /damaged/));
    assert.throws(() => store.find("../names"), catalogueError("no-such-container"));
  });

  it("gives one name to one of several processes that want it at the same time", async () => {
    const script = `
      import { ContainerStore, openStateFolder } from ${JSON.stringify(STORE)};
      const store = new ContainerStore(openStateFolder(process.env));
      const id = process.argv[1];
      const record = { version: 1, id, name: "", image: "i", imageDigest: "d", command: [], created: new Date().toISOString(),
        tty: false, memoryBytes: 1, cpus: 1 };
      let won = 0;
      process.stdin.once("data", () => {
        for (let round = 0; round < 20; round++) {
          try { store.create("name" + round, () => ({ ...record, id: id.slice(0, 60) + String(round).padStart(4, "0") })); won++; }
          catch (error) { if (error.code !== "name-in-use") throw error; }
        }
        console.log(won);
        process.exit();
      });
      console.log("ready");`;
    const children = ["1", "2", "3"].map((digit) =>
      spawn(process.execPath, ["--input-type=module", "-e", script, digit.repeat(64)], {
        env: { PATH: process.env["PATH"], VCH_STATE: folder.path },
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
    const outputs = children.map((child) => text(child.stdout));
    await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once("data", resolve))));
    for (const child of children) child.stdin.write("go\n");
    const won = (await Promise.all(outputs)).map((output) => Number(output.replace("ready", "").trim()));
    assert.equal(
      won.reduce((sum, each) => sum + each),
      20,
    );
    assert.equal(store.list().length, 20);
  });
});

describe("a container's name", () => {
  it("is one that Docker takes", () => {
    for (const name of ["web", "Web-1", "a.b_c", "0x", "a".repeat(100)]) checkContainerName(name);
    for (const name of ["", "a", "-web", ".web", "_w", "we/b", "../x", "we b", "wéb", "web\n", "a\0b"]) {
      assert.throws(
        () => checkContainerName(name),
        (error: Error & { code?: string }) =>
          error.code === "invalid-option" && error.message.startsWith("Invalid container name ("),
        name,
      );
    }
  });

  it("that is made up is one too", () => {
    fc.assert(fc.property(fc.constant(undefined), () => checkContainerName(makeContainerName())));
  });
});

describe("the exit status of a container", () => {
  it("is the process's code, or 128 plus the signal", () => {
    assert.equal(exitStatus({ code: 0, signal: 0 }), 0);
    assert.equal(exitStatus({ code: 255, signal: 0 }), 255);
    assert.equal(exitStatus({ code: 0, signal: 9 }), 137);
    assert.equal(exitStatus({ code: 0, signal: 15 }), 143);
  });
});
