import assert from "node:assert/strict";
import type { AdoptedMachine } from "../../../../src/hypervisor/index.ts";
import { guestAccess } from "../../../../src/portlayer/execution/guest-access.ts";
import { KeptGuests } from "../../../../src/portlayer/execution/kept-guests.ts";
import { containerRecord } from "../../../support/container-records.ts";
import { ServedGuest } from "../../../support/served-guest.ts";

const MACHINE = { pid: 7, startTime: "1" };
const RECORD = containerRecord("a", { machine: MACHINE });

describe("connections to guests that are kept", () => {
  let guest: ServedGuest;
  let kept: KeptGuests;
  /** How often a machine was let go of. */
  let machinesLeft: number;
  beforeEach(() => {
    guest = new ServedGuest(undefined);
    kept = new KeptGuests(true);
    machinesLeft = 0;
  });
  afterEach(async () => {
    await kept[Symbol.asyncDispose]();
    await guest[Symbol.asyncDispose]();
  });

  const open = async () => {
    const machine: Pick<AdoptedMachine, typeof Symbol.asyncDispose> = {
      [Symbol.asyncDispose]: async () => void (machinesLeft += 1),
    };
    return guestAccess(machine as AdoptedMachine, await guest.open());
  };

  it("are for one after the other, and tell their events whoever has them", async () => {
    const access = await open();
    await kept.give(RECORD, access);
    const taken = kept.take(RECORD);
    assert.equal(taken?.connection, access.connection);
    assert.equal(kept.take(RECORD), undefined);
    const events: number[] = [];
    taken?.connection.handOver(({ sequence }) => void events.push(sequence ?? 0));
    guest.events.record({ started: { pid: 7 } }, "");
    await taken?.connection.snapshot();
    assert.deepEqual([events, machinesLeft], [[1], 0]);
    await taken?.[Symbol.asyncDispose]();
  });

  it("are closed when there is one already", async () => {
    const [first, second] = [await open(), await open()];
    await kept.give(RECORD, first);
    await kept.give(RECORD, second);
    assert.deepEqual([first.connection.isClosed, machinesLeft], [false, 1]);
    await second.connection.closed;
  });

  it("are not given to whoever wants the container's next machine", async () => {
    const access = await open();
    await kept.give(RECORD, access);
    assert.equal(kept.take({ ...RECORD, machine: { pid: 8, startTime: "2" } }), undefined);
    await access.connection.closed;
  });

  it("are forgotten when they break", async () => {
    const access = await open();
    await kept.give(RECORD, access);
    for (const link of guest.links) link.destroy();
    await access.connection.closed;
    assert.equal(kept.take(RECORD), undefined);
    await kept[Symbol.asyncDispose]();
    assert.equal(machinesLeft, 1);
  });

  it("are closed in the end, and so is what is given back later", async () => {
    const [first, second] = [await open(), await open()];
    await kept.give(RECORD, first);
    await kept[Symbol.asyncDispose]();
    await kept.give(RECORD, second);
    await Promise.all([first.connection.closed, second.connection.closed]);
    assert.equal(machinesLeft, 2);
  });

  it("are closed at once by a process that ends", async () => {
    const access = await open();
    await new KeptGuests(false).give(RECORD, access);
    await access.connection.closed;
    assert.equal(machinesLeft, 1);
  });
});
