import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Core } from "../../../../src/portlayer/execution/core.ts";
import { type ContainerEvent, EventJournal } from "../../../../src/portlayer/execution/event-journal.ts";
import { streamEvents } from "../../../../src/portlayer/execution/event-stream.ts";
import { openVolumes } from "../../../../src/portlayer/execution/journaled-volumes.ts";
import { readGuestEvents } from "../../../../src/portlayer/execution/guest-events.ts";
import {
  type ContainerRecord,
  ContainerStore,
  makeEventFilter,
  openStateFolder,
  toDockersEvent,
} from "../../../../src/portlayer/execution/index.ts";
import type { EventBody } from "../../../../src/protocol/control-messages.ts";
import { encodeLogRecord } from "../../../../src/protocol/log/index.ts";
import { containerRecord } from "../../../support/container-records.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const STARTED = "2026-01-01T00:00:00.000Z";

describe("the events of containers", () => {
  const folder = useTemporaryFolder();
  let containers: ContainerStore;
  let journal: EventJournal;
  let record: ContainerRecord;
  let sequence: number;
  beforeEach(() => {
    const state = openStateFolder({ VCH_STATE: folder.path });
    containers = new ContainerStore(state);
    journal = new EventJournal(state);
    record = containers.create("web", (name) => containerRecord("a", { name, started: STARTED }));
    beginRun();
  });
  const log = (): string => join(containers.folderOf(record.id), "log");
  const beginRun = (): void => {
    sequence = 0;
    writeFileSync(log(), encodeLogRecord({ runBegun: {} }));
  };
  const report = (body: EventBody, seconds: number): void =>
    appendFileSync(
      log(),
      encodeLogRecord({ event: { sequence: ++sequence, time: { seconds }, sessionId: "", ...body } }),
    );
  // Only these parts of it are for events.
  const stream = (range: {
    readonly since?: number;
    readonly until?: number;
  }): AsyncGenerator<ContainerEvent> =>
    streamEvents({ containers, journal } as unknown as Core, {
      sinceMs: range.since,
      untilMs: range.until,
      signal: new AbortController().signal,
    });
  const actions = async (range: { readonly since?: number; readonly until?: number }): Promise<string[]> => {
    const told: string[] = [];
    for await (const { action } of stream(range)) told.push(action);
    return told;
  };

  it("are told in order, whoever has written them down", async () => {
    journal.add("create", record);
    const now = Date.now() / 1000;
    report({ started: { pid: 5 } }, now - 30);
    report({ exited: { code: 3 } }, now - 10);
    assert.deepEqual(await actions({ since: 0, until: Date.now() }), ["start", "die", "create"]);
    assert.deepEqual(await actions({ since: (now - 20) * 1000, until: Date.now() }), ["die", "create"]);
  });

  it("are each told once, though their run is over and the journal has them", async () => {
    report({ started: { pid: 5 } }, 10);
    journal.keep(readGuestEvents(record, containers.folderOf(record.id)));
    assert.deepEqual(await actions({ since: 0, until: Date.now() }), ["start"]);
    containers.save({ ...record, started: "2026-01-02T00:00:00.000Z" });
    beginRun();
    report({ started: { pid: 6 } }, 20);
    report({ paused: {} }, 30);
    assert.deepEqual(await actions({ since: 0, until: Date.now() }), ["start", "start", "pause"]);
  });

  it("tell of a disk that fails, by the volumes on it", async () => {
    const attributes = (): Record<string, string>[] =>
      readGuestEvents(record, containers.folderOf(record.id)).map((event) => ({ ...event.attributes }));
    report({ fileSystemFailed: { volumes: ["data"], error: "EIO", place: "ext4_lookup", count: 2 } }, 10);
    report({ fileSystemFailed: { error: "ENODEV" } }, 20);
    assert.deepEqual(await actions({ since: 0, until: Date.now() }), [
      "file_system_error",
      "file_system_error",
    ]);
    assert.deepEqual(attributes(), [
      { volume: "data", error: "EIO", function: "ext4_lookup", errors: "2" },
      { error: "ENODEV", errors: "0" },
    ]);
  });

  it("tell of images and volumes as well, in Docker's form and by Docker's filters", async () => {
    const state = openStateFolder({ VCH_STATE: folder.path });
    const volumes = openVolumes(state);
    const content = { type: "tmpfs", sizeBytes: 0, mode: 0o1777 } as const;
    await volumes.create({ name: "data", content, labels: {}, options: {}, isAnonymous: false });
    // It is there already.
    await volumes.create({ name: "data", content, labels: {}, options: {}, isAnonymous: false });
    journal.addOther("image", "pull", "demo:1", { name: "demo", maker: "me" });
    journal.add("create", record);
    volumes.remove("data");
    volumes.remove("data");
    const events: ContainerEvent[] = [];
    for await (const event of stream({ since: 0, until: Date.now() })) events.push(event);
    const told = (...filters: string[]): string[] =>
      events
        .filter(makeEventFilter(filters))
        .map(({ subject = "container", action, id }) => `${subject} ${action} ${id.slice(0, 6)}`);
    assert.deepEqual(told(), [
      "volume create data",
      "image pull demo:1",
      "container create a00000",
      "volume destroy data",
    ]);
    assert.deepEqual(told("type=container"), ["container create a00000"]);
    assert.deepEqual(told("type=image"), ["image pull demo:1"]);
    assert.deepEqual(told("volume=data", "event=destroy"), ["volume destroy data"]);
    assert.deepEqual(told("image=demo:1"), ["image pull demo:1"]);
    assert.deepEqual(told("label=maker=me"), ["image pull demo:1"]);
    assert.deepEqual(told("container=data"), []);
    assert.deepEqual(told("network=x"), []);
    const [volume, image] = events.map((event) => toDockersEvent(event) as Record<string, unknown>);
    assert.deepEqual(volume?.["Actor"], { ID: "data", Attributes: { driver: "local" } });
    assert.deepEqual(
      [volume?.["Type"], volume?.["status"], volume?.["from"]],
      ["volume", undefined, undefined],
    );
    assert.deepEqual(image?.["Actor"], { ID: "demo:1", Attributes: { name: "demo", maker: "me" } });
    assert.deepEqual([image?.["Type"], image?.["status"], image?.["id"]], ["image", "pull", "demo:1"]);
  });

  it("tell of each exec's end once, though its guest and its client have", async () => {
    const [execID, other] = ["e".repeat(64), "f".repeat(64)];
    const end = (sessionId: string, code: number): void =>
      appendFileSync(
        log(),
        encodeLogRecord({
          event: { sequence: ++sequence, time: { seconds: 10 + sequence }, sessionId, exited: { code } },
        }),
      );
    end(execID, 3);
    journal.add("exec_die", record, { execID, exitCode: "3" });
    end(other, 4);
    const events = stream({ since: 0, until: Date.now() + 300 });
    const told: string[] = [];
    for await (const { action, attributes } of events) {
      told.push(`${action} ${attributes["exitCode"]}`);
      // Its client may be later than its guest.
      if (told.length === 2) journal.add("exec_die", record, { execID: other, exitCode: "4" });
    }
    assert.deepEqual(told, ["exec_die 3", "exec_die 4"]);
  });

  it("are told as they come, also those of a container that is removed meanwhile", async () => {
    const events = stream({});
    const next = async (): Promise<string> => {
      const { value } = await events.next();
      return value === undefined ? "" : (value as ContainerEvent).action;
    };
    const first = next();
    await new Promise(setImmediate);
    report({ started: { pid: 5 } }, Date.now() / 1000);
    assert.equal(await first, "start");
    report({ exited: { signal: 9 } }, Date.now() / 1000);
    journal.keep(readGuestEvents(record, containers.folderOf(record.id)));
    containers.remove(record);
    journal.add("destroy", record);
    assert.deepEqual([await next(), await next()], ["die", "destroy"]);
    await events.return(undefined);
  });

  it("are kept in the order in which they came, the latest 8,192 of them", () => {
    const many = Array.from({ length: 9000 }, (_, index) => `action${index}`);
    const base = { timeMs: 0, id: "x", name: "x", image: "", attributes: {} };
    journal.keep(many.slice(0, 8999).map((action) => ({ ...base, action })));
    const news = journal.follow();
    assert.equal(news().at(-1)?.action, "action8998");
    journal.keep([{ ...base, action: "action8999" }]);
    assert.deepEqual(
      journal.read().map(({ action }) => action),
      many.slice(-8192),
    );
    assert.deepEqual(
      news().map(({ action }) => action),
      ["action8999"],
    );
  });
});
