import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { DatabaseSync } from "node:sqlite";
import { EventJournal } from "../../../../src/portlayer/execution/event-journal.ts";
import {
  checkState,
  ContainerStore,
  openStateFolder,
  type StateFolder,
} from "../../../../src/portlayer/execution/index.ts";
import { StateDatabase } from "../../../../src/portlayer/execution/state-database.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { containerRecord } from "../../../support/container-records.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const GUIDE = new URL("../../../../docs/guides/state.md", import.meta.url);

const PAGE_BYTES = 4096;

describe("a state database that something is wrong with", () => {
  const folder = useTemporaryFolder();
  const open = (): StateFolder => openStateFolder({ VCH_STATE: folder.path });
  const database = (suffix = ""): string => join(folder.path, `state.db${suffix}`);

  /** With containers on many pages, and a disk in the folder of each; all of it in the database's own file. */
  const fill = (): string[] => {
    const store = new ContainerStore(open());
    const ids = Array.from({ length: 60 }, (_, number) => {
      const id = String(number).padStart(64, "0");
      store.create(`c${number}`, () => ({ ...containerRecord("a", { command: ["x".repeat(1000)] }), id }));
      writeFileSync(join(store.folderOf(id), "disk"), "");
      return id;
    });
    execFileSync("sqlite3", [database(), "PRAGMA wal_checkpoint(TRUNCATE)"]);
    return ids;
  };
  const overwrite = (page: number): void => {
    const file = openSync(database(), "r+");
    writeSync(file, Buffer.alloc(PAGE_BYTES, 0x55), 0, PAGE_BYTES, page * PAGE_BYTES);
    closeSync(file);
  };
  /** The commands of one of the guide's sections. */
  const followGuide = (title: string): void => {
    const section = readFileSync(GUIDE, "utf8")
      .split("\n## ")
      .find((each) => each.startsWith(title));
    const commands = /```sh\n(.*?)```/s.exec(section ?? "")?.[1];
    assert.ok(commands);
    execFileSync("sh", ["-euc", commands], { cwd: folder.path, stdio: ["ignore", "ignore", "inherit"] });
  };

  for (const [what, damage, message] of [
    ["is none", () => writeFileSync(database(), "no database\n".repeat(1000)), /file is not a database/],
    ["is empty", () => writeFileSync(database(), ""), /it is empty/],
    [
      "is gone, but not its log",
      () => {
        writeFileSync(database("-wal"), "");
      },
      /it is gone, but its log .*state\.db-wal is there/,
    ],
  ] as const)
    it(`${what}, is named, and left as it is`, () => {
      open();
      damage();
      const before = existsSync(database()) ? readFileSync(database()) : undefined;
      assert.throws(() => new ContainerStore(open()), catalogueError("state-damaged", message));
      assert.match(checkState(open()).damage ?? "", /is damaged \(.*|: .*docs\/guides\/state\.md/);
      assert.deepEqual(existsSync(database()) ? readFileSync(database()) : undefined, before);
    });

  it("is named by who needs what is damaged, and repaired as the guide says", () => {
    const ids = fill();
    const pages = statSync(database()).size / PAGE_BYTES;
    for (let page = pages - 4; page < pages; page += 1) overwrite(page);
    assert.throws(
      () => new ContainerStore(open()).list(),
      catalogueError("state-damaged", /^the state database \S+state\.db is damaged: .*malformed/),
    );
    assert.match(checkState(open()).damage ?? "", /is damaged: .*docs\/guides\/state\.md/);

    followGuide("A database that is damaged");
    const state = open();
    const store = new ContainerStore(state);
    const kept = store.list().map(({ id }) => id);
    assert.ok(kept.length > 0 && kept.length < ids.length, `${kept.length}`);
    const lost = ids.filter((id) => !kept.includes(id));
    assert.deepEqual(checkState(state), {
      damage: undefined,
      strays: lost.map((id) => store.folderOf(id)),
    });
    // It is as ours are: private, and read while somebody writes.
    store.create("new", () => containerRecord("b"));
    for (const suffix of ["", "-wal", "-shm"])
      assert.equal(statSync(database(suffix)).mode & 0o777, 0o600, suffix);
  }).timeout(20_000);

  it("is copied while vch runs, as the guide says, and what was made since is not removed with a record", () => {
    const store = new ContainerStore(open());
    const before = store.create("before", () => containerRecord("a"));
    followGuide("A copy");
    const since = store.create("since", () => containerRecord("b"));
    writeFileSync(join(store.folderOf(since.id), "disk"), "precious");

    for (const suffix of ["", "-wal", "-shm"]) rmSync(database(suffix));
    writeFileSync(database(), readFileSync(join(folder.path, "copy.db")));
    const state = open();
    const restored = new ContainerStore(state);
    restored.create("new", () => containerRecord("c"));
    assert.equal(restored.find("before").id, before.id);
    assert.equal(readFileSync(join(restored.folderOf(since.id), "disk"), "utf8"), "precious");
    assert.deepEqual(checkState(state).strays, [restored.folderOf(since.id)]);
  });

  it("is lost: no container's folder is removed for that", () => {
    const ids = fill();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(database(suffix), { force: true });
    const state = open();
    const store = new ContainerStore(state);
    store.create("new", () => containerRecord("b"));
    assert.deepEqual(
      checkState(state).strays,
      ids.map((id) => store.folderOf(id)),
    );
  });

  it("is another user's or read-only", function () {
    if (process.getuid?.() !== 0) this.skip(); // mount needs root
    StateDatabase.of(open());
    execFileSync("mount", ["--bind", database(), database()]);
    try {
      execFileSync("mount", ["-o", "remount,bind,ro", database()]);
      assert.throws(
        () => new ContainerStore(open()).create("web", () => containerRecord("a")),
        catalogueError(
          "state-not-writable",
          /state\.db cannot be written: it is another user's, or read-only$/,
        ),
      );
    } finally {
      execFileSync("umount", ["-l", database()]);
    }
  });

  it("is in a folder that is read-only", function () {
    if (process.getuid?.() !== 0) this.skip(); // mount needs root
    StateDatabase.of(open());
    execFileSync("mount", ["--bind", folder.path, folder.path]);
    try {
      execFileSync("mount", ["-o", "remount,bind,ro", folder.path]);
      assert.throws(open, catalogueError("state-not-writable", /cannot be written: EROFS/));
    } finally {
      execFileSync("umount", ["-l", folder.path]);
    }
  });

  it("is kept by another vch: that is waited for, and named when it takes too long", async () => {
    StateDatabase.of(open());
    const source = `
      import { DatabaseSync } from "node:sqlite";
      const database = new DatabaseSync(${JSON.stringify(database())});
      database.exec("BEGIN IMMEDIATE");
      console.log("begun");
      process.stdin.once("data", () => {
        // Not before the other one waits.
        setTimeout(() => { database.exec("COMMIT"); process.exit(); }, 300);
      });
    `;
    const other = spawn(process.execPath, ["--input-type=module", "-e", source], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = text(other.stdout);
    await once(other.stdout, "data");
    const state = open();
    StateDatabase.of(state, 100);
    assert.throws(
      () => new ContainerStore(state).create("web", () => containerRecord("a")),
      catalogueError(
        "state-not-writable",
        /another vch has been changing .*state\.db for 0\.1 s: is one stopped\?$/,
      ),
    );
    // Who only looks is not kept.
    assert.deepEqual(new ContainerStore(open()).list(), []);
    other.stdin.write("go\n");
    new ContainerStore(open()).create("web", () => containerRecord("a"));
    await ended;
  }).timeout(20_000);

  it("has had a change that could not be kept: the next one can", () => {
    const state = open();
    const changed = StateDatabase.of(state);
    changed.run("CREATE TABLE a (id INTEGER PRIMARY KEY)");
    changed.run("CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)");
    assert.throws(
      () => changed.transaction(() => changed.run("INSERT INTO b VALUES (1)")),
      catalogueError("state-not-writable", /FOREIGN KEY constraint failed/),
    );
    assert.equal(new ContainerStore(state).create("web", () => containerRecord("a")).name, "web");
  });

  it("stays small, however much happens", () => {
    const state = open();
    const journal = new EventJournal(state);
    for (let number = 0; number < 10_000; number += 1)
      journal.addOther("volume", "create", `v${number}`, { label: "x".repeat(100) });
    const events = journal.read();
    assert.deepEqual([events.length, events[0]?.id, events.at(-1)?.id], [8192, "v1808", "v9999"]);
    for (const suffix of ["", "-wal"]) assert.ok(statSync(database(suffix)).size < 8 * 1024 * 1024, suffix);
    // One more process makes no difference.
    using other = new DatabaseSync(database());
    assert.equal(other.prepare("SELECT count(*) AS number FROM events").get()?.["number"], 8192);
  }).timeout(60_000);
});
