import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { EventJournal } from "../../../../src/portlayer/execution/event-journal.ts";
import { ContainerStore, openStateFolder } from "../../../../src/portlayer/execution/index.ts";
import { checkState } from "../../../../src/portlayer/execution/state-check.ts";
import { StateDatabase } from "../../../../src/portlayer/execution/state-database.ts";
import { hasCode } from "../../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { containerRecord } from "../../../support/container-records.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const FOLDER = new URL("../../../../src/portlayer/execution/", import.meta.url).href;

describe("the database of a state folder", () => {
  const folder = useTemporaryFolder();
  const open = (): ReturnType<typeof openStateFolder> => openStateFolder({ VCH_STATE: folder.path });

  it("is for its owner alone, with all that is beside it", () => {
    const { id } = new ContainerStore(open()).create("web", () => containerRecord("a"));
    new ContainerStore(open()).save(new ContainerStore(open()).find(id));
    const files = readdirSync(folder.path, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    );
    assert.deepEqual(files.map(({ name }) => name).toSorted(), [
      "changed",
      ...["state.db", "state.db-shm", "state.db-wal", "state.reserve"],
    ]);
    for (const { parentPath, name } of files)
      assert.equal(statSync(join(parentPath, name)).mode & 0o777, 0o600, name);
  });

  it("takes over containers, names and events of a folder from before there was one", () => {
    const state = open();
    mkdirSync(join(folder.path, "names"));
    const put = (id: string, record: string): void => {
      mkdirSync(join(state.containers, id));
      writeFileSync(join(state.containers, id, "container.json"), record);
    };
    const named = { ...containerRecord("a"), name: "web" };
    put(named.id, JSON.stringify(named));
    symlinkSync(named.id, join(folder.path, "names/web"));
    // A creation that was given up before it had its name.
    const nameless = { ...containerRecord("b"), name: "web" };
    put(nameless.id, JSON.stringify(nameless));
    put(containerRecord("c").id, "{");
    const event = { timeMs: 5, action: "create", id: named.id, name: "web", image: "i", attributes: {} };
    writeFileSync(join(folder.path, "events.jsonl.1"), `${JSON.stringify(event)}\n`);
    writeFileSync(join(folder.path, "events.jsonl"), `{"torn\n${JSON.stringify({ ...event, timeMs: 6 })}\n`);

    const store = new ContainerStore(state);
    assert.deepEqual(store.find("web"), named);
    assert.deepEqual(store.find(nameless.id), nameless);
    assert.throws(() => store.find("c0"), catalogueError("internal", /damaged/));
    assert.deepEqual(
      new EventJournal(state).read().map(({ timeMs }) => timeMs),
      [5, 6],
    );
    assert.deepEqual(
      readdirSync(folder.path)
        .toSorted()
        .filter((name) => !name.startsWith("state.")),
      ["containers", "images", "templates", "volumes"],
    );
    assert.equal(existsSync(join(store.folderOf(named.id), "container.json")), false);
    store.remove(nameless);
    assert.equal(store.find("web").id, named.id);
  });

  it("takes nothing over, and removes nothing, while some of it cannot be read", () => {
    const state = open();
    const named = { ...containerRecord("a"), name: "web" };
    mkdirSync(join(state.containers, named.id));
    writeFileSync(join(state.containers, named.id, "container.json"), JSON.stringify(named));
    mkdirSync(join(folder.path, "names"));
    symlinkSync(named.id, join(folder.path, "names/web"));
    // It is there, and cannot be read (EISDIR, for whoever runs the tests).
    mkdirSync(join(folder.path, "events.jsonl"));
    assert.throws(() => new ContainerStore(state), catalogueError("state-not-writable", /EISDIR/));
    assert.deepEqual(readdirSync(join(folder.path, "names")), ["web"]);
    rmSync(join(folder.path, "events.jsonl"), { recursive: true });
    assert.deepEqual(new ContainerStore(open()).find("web"), named);
  });

  it("of a later version is left alone", () => {
    const state = open();
    new ContainerStore(state).create("web", () => containerRecord("a"));
    {
      using database = new DatabaseSync(join(folder.path, "state.db"));
      database.exec("PRAGMA user_version = 1000");
    }
    assert.throws(
      () => new ContainerStore(open()),
      catalogueError(
        "state-not-writable",
        /written by a later vch \(its version is 1000, this one knows \d+\)/,
      ),
    );
  });

  it("does all of some work or nothing", () => {
    const database = StateDatabase.of(open());
    const names = (): unknown[] => database.all("SELECT name FROM containers").map(({ name }) => name);
    const insert = (id: string): number =>
      database.run("INSERT INTO containers (id, name, created, record) VALUES (?, ?, '', '')", id, id);
    assert.throws(
      () =>
        database.transaction(() => {
          insert("a");
          insert("a");
        }),
      catalogueError("state-not-writable", /UNIQUE constraint failed/),
    );
    assert.deepEqual(names(), []);
    database.transaction(() => insert("a"));
    assert.deepEqual(names(), ["a"]);
  });

  it("is read, and things are removed from it, on a full disk", function () {
    if (process.getuid?.() !== 0) this.skip(); // mount needs root
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder.path]);
    try {
      const ids = ["a", "b"].map((digit) => {
        const { id } = new ContainerStore(open()).create(digit.repeat(2), () => containerRecord(digit));
        writeFileSync(join(folder.path, "containers", id, "disk"), Buffer.alloc(64 * 1024));
        return id;
      });
      fill();
      const store = new ContainerStore(open());
      assert.equal(store.list().length, 2);
      fill();
      assert.throws(
        () => store.create("cc", () => containerRecord("c", { command: ["x".repeat(8192)] })),
        catalogueError("no-space", /^no space left on the disk of /),
      );
      store.remove(store.find("aa"));
      assert.deepEqual(
        store.list().map(({ id }) => id),
        ids.slice(1),
      );
      assert.deepEqual(readdirSync(join(folder.path, "containers")), ids.slice(1));
      assert.equal(existsSync(join(folder.path, "state.reserve")), false);
      rmSync(join(folder.path, "full"));
      assert.equal(store.create("cc", () => containerRecord("c")).name, "cc");
      assert.equal(existsSync(join(folder.path, "state.reserve")), true);
    } finally {
      execFileSync("umount", ["-l", folder.path]);
    }
  });
  /** To the last byte. */
  const fill = (): void => {
    const file = openSync(join(folder.path, "full"), "a");
    try {
      for (;;) writeSync(file, Buffer.alloc(4096));
    } catch (error) {
      assert.ok(hasCode(error, "ENOSPC"));
    } finally {
      closeSync(file);
    }
  };

  it("is made by one of many that come at the same time, and loses nothing of one that is killed", async () => {
    open();
    const source = `
      import { writeFileSync } from "node:fs";
      import { join } from "node:path";
      import { ContainerStore, openStateFolder } from ${JSON.stringify(`${FOLDER}index.ts`)};
      const store = new ContainerStore(openStateFolder({ VCH_STATE: ${JSON.stringify(folder.path)} }));
      const [digit] = process.argv.slice(1);
      for (let number = 0; ; number++) {
        const id = digit + String(number).padStart(63, "0");
        const record = store.create(undefined, () => ({ ...${JSON.stringify(containerRecord("a"))}, id }));
        writeFileSync(join(store.folderOf(id), "disk"), "");
        store.save({ ...record, cpus: 7 });
        console.log("made " + id);
        if (number % 2 === 0) continue;
        store.remove(record);
        console.log("removed " + id);
      }
    `;
    const children = ["1", "2", "3", "4"].map((digit) =>
      spawn(process.execPath, ["--input-type=module", "-e", source, digit], {
        stdio: ["ignore", "pipe", "inherit"],
      }),
    );
    const told = new Map<string, string>();
    await Promise.all(
      children.map(async (child) => {
        const ended = once(child, "close");
        let text = "";
        for await (const chunk of child.stdout) {
          text += String(chunk);
          if (text.split("\n").length > 50) child.kill("SIGKILL");
        }
        await ended;
        for (const line of text.split("\n").slice(0, -1)) {
          const [what = "", id = ""] = line.split(" ");
          told.set(id, what);
        }
      }),
    );
    const state = open();
    const store = new ContainerStore(state);
    const kept = new Map(store.list().map(({ id, cpus }) => [id, cpus]));
    assert.ok(told.size >= 100);
    // The last of each may have been removed without a word.
    const last = new Set(
      children.map((_, index) => [...told.keys()].findLast((id) => id.startsWith(`${index + 1}`))),
    );
    for (const [id, what] of told) if (what === "made" && !last.has(id)) assert.equal(kept.get(id), 7, id);
    for (const [id, what] of told) if (what === "removed") assert.equal(kept.has(id), false, id);
    assert.deepEqual(checkState(state), { damage: undefined, strays: [] });
    // What was begun and not kept goes with the next creation.
    const { id } = store.create("last", () => containerRecord("f"));
    assert.deepEqual(
      readdirSync(join(folder.path, "containers")).toSorted(),
      [...kept.keys(), id].toSorted(),
    );
  }).timeout(30_000);
});
