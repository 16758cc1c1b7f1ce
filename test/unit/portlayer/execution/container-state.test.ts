import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { identifyProcess } from "../../../../src/hypervisor/index.ts";
import { hasGuest, observeState, settle } from "../../../../src/portlayer/execution/container-state.ts";
import {
  type ContainerRecord,
  ContainerStore,
  ENDPOINT_LOCK,
  openStateFolder,
  ProcessLock,
} from "../../../../src/portlayer/execution/index.ts";
import { EventJournal } from "../../../../src/portlayer/execution/event-journal.ts";
import type { EventBody } from "../../../../src/protocol/control-messages.ts";
import { tether } from "../../../../src/protocol/generated/control.js";
import { encodeLogRecord } from "../../../../src/protocol/log/index.ts";
import { containerRecord } from "../../../support/container-records.ts";
import { containerSettings } from "../../../support/container-settings.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const { UNHEALTHY } = tether.control.HealthChanged.Status;

/** A process that has ended long ago. */
const GONE = { pid: 1, startTime: "never" };
const TIME = { seconds: 1_770_000_000, nanoseconds: 5_000_000 };

describe("what is known of a container", () => {
  const folder = useTemporaryFolder();
  let containers: ContainerStore;
  let journal: EventJournal;
  beforeEach(() => {
    const state = openStateFolder({ VCH_STATE: folder.path });
    containers = new ContainerStore(state);
    journal = new EventJournal(state);
  });

  const make = (changes: Partial<ContainerRecord>, ...bodies: readonly EventBody[]): ContainerRecord => {
    const record = containers.create("web", (name) => containerRecord("a", { name, ...changes }));
    const events = bodies.map((body, index) => ({ sequence: index + 1, time: TIME, sessionId: "", ...body }));
    const log = Buffer.concat([
      encodeLogRecord({ time: TIME, runBegun: {} }),
      ...events.map((event) => encodeLogRecord({ time: TIME, event })),
    ]);
    writeFileSync(join(containers.folderOf(record.id), "log"), log);
    return record;
  };
  const up = (): Partial<ContainerRecord> => ({
    machine: identifyProcess(process.pid),
    started: "2026-02-02T00:00:00.000Z",
    settings: containerSettings(),
  });
  const started = { started: { pid: 98 } };
  const status = (record: ContainerRecord): string => observeState(containers, record).status;

  describe("whose machine runs", () => {
    const table: ReadonlyArray<readonly [string, readonly EventBody[], string]> = [
      ["running from its start on", [], "running"],
      ["running", [started], "running"],
      ["paused", [started, { paused: {} }], "paused"],
      ["running again", [started, { paused: {} }, { unpaused: {} }], "running"],
      ["exited, though the machine is still powering off", [started, { exited: { code: 3 } }], "exited"],
      ["exited when it could not start", [{ failed: { error: {} } }], "exited"],
      [
        "restarting from its process's end on",
        [started, { exited: { code: 3, willRestart: true } }],
        "restarting",
      ],
      [
        "restarting",
        [started, { exited: { willRestart: true } }, { restarting: { count: 1 } }],
        "restarting",
      ],
      [
        "running after its restart",
        [started, { exited: { willRestart: true } }, { restarting: { count: 1 } }, started],
        "running",
      ],
    ];
    for (const [what, bodies, expected] of table)
      it(`is ${what}`, () => assert.equal(status(make(up(), ...bodies)), expected));

    it("tells the process, the health, the restarts and the exit that its guest has reported", () => {
      const health = {
        test: ["CMD", "x"],
        intervalMs: 0,
        timeoutMs: 0,
        startPeriodMs: 0,
        startIntervalMs: 0,
        retries: 0,
      };
      const settings = containerSettings({ health });
      const record = make(
        { ...up(), settings },
        started,
        { health: { status: UNHEALTHY } },
        { exited: { code: 3, outOfMemory: true } },
      );
      const state = observeState(containers, record);
      assert.deepEqual(state.exit, { code: 3, signal: 0, isOutOfMemory: true });
      assert.equal(state.finished, "2026-02-02T02:40:00.005Z");
      containers.remove(record);
      const running = observeState(
        containers,
        make({ ...up(), settings }, started, { restarting: { count: 4 } }, started, {
          health: { status: UNHEALTHY },
        }),
      );
      assert.deepEqual([running.pid, running.health, running.restartCount], [98, "unhealthy", 4]);
    });
  });

  it("without a machine is what its record says", () => {
    assert.equal(status(containerRecord("a")), "created");
    assert.equal(status(containerRecord("a", { owner: identifyProcess(process.pid) })), "created");
    assert.equal(status(containerRecord("a", { owner: GONE })), "dead");
    const exit = { code: 127, signal: 0 };
    assert.equal(status(containerRecord("a", { exit, started: new Date().toISOString() })), "exited");
    // It could not be started.
    assert.equal(status(containerRecord("a", { exit })), "created");
    assert.equal(status(containerRecord("a", { machine: GONE })), "exited");
  });

  it("whose machine was lost is restarting as long as an endpoint is there that will do so", () => {
    const restart = { name: "on-failure", maximumRetryCount: 2 } as const;
    const lost = make(
      {
        ...{ ...up(), machine: undefined, isLost: true, finished: "2026-02-02T00:01:00.000Z" },
        ...{ exit: { code: 0, signal: 9 }, settings: containerSettings({ restart }) },
        restarts: { count: 1, pauseMs: 100 },
      },
      started,
    );
    assert.equal(status(lost), "exited");
    using endpoint = ProcessLock.try(join(folder.path, ENDPOINT_LOCK));
    const { pid, exit, restartCount } = observeState(containers, lost);
    assert.deepEqual([pid, exit, restartCount], [undefined, { code: 0, signal: 9 }, 1]);
    assert.equal(status(lost), "restarting");
    assert.equal(hasGuest({ record: lost, state: observeState(containers, lost) }), false);
    assert.equal(status({ ...lost, isEnded: true }), "exited");
    assert.equal(status({ ...lost, restarts: { count: 2, pauseMs: 100 } }), "exited");
    assert.equal(status({ ...lost, settings: containerSettings() }), "exited");
    endpoint?.[Symbol.dispose]();
    assert.equal(status(lost), "exited");
  });

  describe("whose machine has ended while nobody looked", () => {
    const settled = async (record: ContainerRecord): Promise<ContainerRecord | undefined> => {
      using container = await containers.lock(record.id);
      return settle({ containers, journal }, container);
    };
    const ended = (): Partial<ContainerRecord> => ({ ...up(), machine: GONE });

    it("is written down as its guest has reported it", async () => {
      const record = await settled(make(ended(), started, { exited: { signal: 9 } }));
      assert.deepEqual(
        [record?.exit, record?.finished, record?.machine, record?.error],
        [{ code: 0, signal: 9 }, "2026-02-02T02:40:00.005Z", undefined, undefined],
      );
      assert.equal(record?.isLost, undefined);
      assert.deepEqual(containers.find("web"), record);
    });

    it("is written down with the error that kept its process from starting", async () => {
      const error = { code: "command-not-found", message: 'exec: "x": not found' };
      const record = await settled(make(ended(), { failed: { error } }));
      assert.deepEqual([record?.exit, record?.error], [{ code: 127, signal: 0 }, 'exec: "x": not found']);
    });

    it("is lost when it waited for its restart", async () => {
      const record = await settled(make(ended(), started, { exited: { code: 3, willRestart: true } }));
      assert.deepEqual([record?.exit, record?.isLost], [{ code: 3, signal: 0 }, true]);
    });

    it("was killed when its guest has said nothing of an end", async () => {
      const record = await settled(make(ended(), started));
      assert.deepEqual(record?.exit, { code: 0, signal: 9 });
      assert.match(record?.error ?? "", /ended without saying how/);
      const told = journal.read().map(({ action, attributes }) => [action, attributes["exitCode"]]);
      assert.deepEqual(told, [["die", "137"]]);
      assert.equal(record?.isLost, true);
    });

    it("is removed when it was to be, unless whoever runs it in the foreground will do so", async () => {
      const settings = containerSettings({ autoRemove: true });
      const owned = make({ ...ended(), settings, owner: identifyProcess(process.pid) }, started);
      assert.notEqual(await settled(owned), undefined);
      containers.remove(owned);
      assert.equal(
        await settled(make({ ...ended(), settings }, started, { exited: { code: 3 } })),
        undefined,
      );
      assert.deepEqual(containers.list(), []);
      assert.deepEqual(
        journal.read().map(({ action, attributes }) => [action, attributes["exitCode"]]),
        [
          // Of the first, which whoever runs it has not seen end yet.
          ["die", "137"],
          ["start", undefined],
          ["die", "3"],
          ["destroy", undefined],
        ],
      );
    });

    it("is left as it is when its end is known", async () => {
      const exit = { code: 5, signal: 0 };
      const record = await settled(make({ ...ended(), exit }, started, { exited: { code: 0 } }));
      assert.deepEqual([record?.exit, record?.machine], [exit, undefined]);
    });
  });
});
