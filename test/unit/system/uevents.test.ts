import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { linux } from "./linux.ts";

/** Lets the kernel send a message about /dev/null: `synth` and a UUID are what its sender may add. */
function announce(uuid: string): void {
  writeFileSync("/sys/class/mem/null/uevent", `change ${uuid}`);
}

describe("watchUevents", () => {
  it("passes on the kernel's messages, in order, until it is closed", async () => {
    const uuids = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"];
    const messages: string[] = [];
    const both = Promise.withResolvers<void>();
    const watch = linux.watchUevents({
      onMessage: (message) => {
        if (!uuids.some((uuid) => message.includes(uuid))) return;
        messages.push(message);
        if (messages.length === 2) both.resolve();
      },
      onError: both.reject,
    });
    for (const uuid of uuids) announce(uuid);
    await both.promise;
    await watch.close();
    announce("33333333-3333-3333-3333-333333333333");
    await new Promise(setImmediate);
    assert.deepEqual(
      messages.map((message) => message.split("\0").slice(0, 4)),
      Array.from({ length: 2 }, () => [
        "change@/devices/virtual/mem/null",
        "ACTION=change",
        "DEVPATH=/devices/virtual/mem/null",
        "SUBSYSTEM=mem",
      ]),
    );
    assert.ok(messages[1]?.includes(`SYNTH_UUID=${uuids[1]}`));
  });

  it("tells a listener that fell behind that messages were lost", async () => {
    let isAnythingLost = false;
    const lost = Promise.withResolvers<void>();
    const watch = linux.watchUevents({
      onMessage: (message) => {
        if (message === "") lost.resolve();
        isAnythingLost ||= message === "";
      },
      onError: lost.reject,
    });
    // The listener does not come round meanwhile, and the socket's queue holds some 200 KiB.
    for (let count = 0; count < 3000; count++) announce("44444444-4444-4444-4444-444444444444");
    await lost.promise;
    assert.equal(isAnythingLost, true);
    await watch.close();
  });
});
