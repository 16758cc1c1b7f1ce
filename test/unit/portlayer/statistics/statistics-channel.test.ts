import assert from "node:assert/strict";
import {
  encodeStatsMessage,
  StatsGroup,
  type StatsRequest,
} from "../../../../src/protocol/stats-messages.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { channelTo } from "../../../support/fake-statistics.ts";
import { fullSample } from "../../../support/full-sample.ts";

describe("a guest's statistics", () => {
  it("are one sample, the history, and a stream, one after the other", async () => {
    const asked: StatsRequest[] = [];
    const channel = channelTo((request, guest) => {
      asked.push(request);
      if (request.getSample) guest.write(encodeStatsMessage({ sample: fullSample(10) }));
      if (request.getHistory) {
        for (const seconds of [8, 9]) guest.write(encodeStatsMessage({ sample: fullSample(seconds) }));
        guest.write(encodeStatsMessage({ historyEnd: { samples: 2 } }));
      }
      if (request.subscribe) {
        guest.write(encodeStatsMessage({ sample: fullSample(10) }));
        const delta = { delta: true, monotonicUs: 11_000_000, containerCpu: { usageUs: 7 } };
        guest.write(encodeStatsMessage({ sample: delta }));
      }
    });
    assert.equal((await channel.sample([StatsGroup.CONTAINER_CPU])).monotonicUs, 10_000_000);
    const history = await channel.history(7_500);
    assert.deepEqual(
      history.map(({ monotonicUs }) => monotonicUs),
      [8_000_000, 9_000_000],
    );
    const stream = channel.subscribe({
      periodMs: 1000,
      groups: [StatsGroup.CONTAINER_CPU, StatsGroup.MACHINE_CPU],
    });
    await stream.next();
    assert.equal((await stream.next()).value?.containerCpu.usageUs, 5_000_007);
    assert.deepEqual(asked[0]?.getSample?.groups, [1]);
    assert.equal(asked[1]?.getHistory?.afterMonotonicMs, 7_500);
    const { periodMs, groups, delta } = asked[2]?.subscribe ?? {};
    assert.deepEqual([periodMs, groups, delta], [1000, [1, 6], true]);
  });

  it("are what the machine is, too: checked, without what a terminal should not be sent", async () => {
    const channel = channelTo((_request, guest) =>
      guest.write(
        encodeStatsMessage({
          facts: {
            hardware: { vendor: "QEMU\u001B[2J", memoryBytes: 2 ** 40 },
            networkCards: [{ name: "eth0", mtuBytes: 1500 }],
            disks: [{ name: "vda", isReadOnly: false }],
          },
        }),
      ),
    );
    assert.deepEqual(await channel.facts(), {
      hardware: { vendor: "QEMU?[2J", memoryBytes: 2 ** 40 },
      ...{ firmware: {}, operatingSystem: {}, processor: {}, fileSystems: [] },
      networkCards: [{ name: "eth0", mtuBytes: 1500 }],
      disks: [{ name: "vda", isReadOnly: false }],
    });
  });

  it("end in an error when the facts cannot be right", async () => {
    for (const facts of [
      { hardware: { memoryBytes: 2 ** 60 } },
      { disks: Array.from({ length: 257 }, () => ({ name: "vda" })) },
    ]) {
      const channel = channelTo((_request, guest) => guest.write(encodeStatsMessage({ facts })));
      await assert.rejects(channel.facts(), catalogueError("link-protocol", /facts cannot be right/));
    }
    const other = channelTo((_request, guest) => guest.write(encodeStatsMessage({ historyEnd: {} })));
    await assert.rejects(other.facts(), catalogueError("link-protocol", /something else/));
  });

  it("end in the guest's own error when it refuses", async () => {
    const channel = channelTo((_request, guest) =>
      guest.write(encodeStatsMessage({ error: { code: "invalid-option", message: "no such\u001B group" } })),
    );
    await assert.rejects(channel.sample(), catalogueError("invalid-option", /^no such\? group$/));
  });

  it("end in an error when the channel ends, or breaks", async () => {
    const ending = channelTo((_request, guest) => guest.end());
    await assert.rejects(ending.sample(), catalogueError("guest-lost", /ended/));
    const breaking = channelTo((_request, _guest, host) => host.destroy(new Error("cut")));
    await assert.rejects(breaking.sample(), catalogueError("guest-lost", /broke: cut/));
  });

  it("end in an error when a message is too large, garbage, or an answer to something else", async () => {
    const large = channelTo((_request, guest) => guest.write(Buffer.from([0xff, 0xff, 0x7f])));
    await assert.rejects(large.sample(), catalogueError("link-protocol", /limit of 262144/));
    const garbage = channelTo((_request, guest) => guest.write(Buffer.from([3, 0xff, 0xff, 0xff])));
    await assert.rejects(garbage.sample(), catalogueError("link-protocol", /malformed/));
    const other = channelTo((_request, guest) => guest.write(encodeStatsMessage({ historyEnd: {} })));
    await assert.rejects(other.sample(), catalogueError("link-protocol", /something else/));
  });

  it("end in an error when the history does not", async () => {
    const channel = channelTo((_request, guest) => {
      for (let index = 1; index <= 1_001; index++)
        guest.write(encodeStatsMessage({ sample: { monotonicUs: index } }));
    });
    await assert.rejects(channel.history(0), catalogueError("link-protocol", /something else/));
  });

  it("end in an error when more comes than was asked for", async () => {
    const channel = channelTo((_request, guest) => {
      for (let index = 1; index <= 100; index++)
        guest.write(encodeStatsMessage({ sample: { monotonicUs: index } }));
    });
    let taken = 0;
    const takeAll = async (): Promise<void> => {
      for await (const _sample of channel.subscribe({ periodMs: 3_600_000 })) taken++;
    };
    await assert.rejects(takeAll(), catalogueError("link-protocol", /more statistics than/));
    assert.equal(taken, 64);
  });
});
