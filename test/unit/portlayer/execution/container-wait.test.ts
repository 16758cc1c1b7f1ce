import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nextExit } from "../../../../src/portlayer/execution/container-wait.ts";
import type { MachineEnd } from "../../../../src/hypervisor/index.ts";
import type { EventBody } from "../../../../src/protocol/control-messages.ts";
import { encodeLogRecord } from "../../../../src/protocol/log/index.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("waiting for an exit", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");
  let sequence = 0;
  const happen = (body: EventBody, sessionId = ""): void =>
    appendFileSync(path(), encodeLogRecord({ event: { sequence: ++sequence, sessionId, ...body } }));
  const ended = Promise.withResolvers<MachineEnd>();
  const never = { ended: ended.promise };
  beforeEach(() => {
    sequence = 0;
    writeFileSync(path(), encodeLogRecord({ runBegun: {} }));
  });

  it("ends with the exit, though the machine goes on", async () => {
    happen({ started: { pid: 5 } });
    const exit = nextExit(path(), never);
    happen({ exited: { code: 9 } }, "an exec");
    appendFileSync(path(), encodeLogRecord({ output: { data: Buffer.from("output\n") } }));
    happen({ exited: { code: 3 } });
    assert.deepEqual(await exit, { code: 3, signal: 0 });
  });

  it("ends at once when it has just come", async () => {
    happen({ started: { pid: 5 } });
    happen({ exited: { signal: 9 } });
    assert.deepEqual(await nextExit(path(), never), { code: 0, signal: 9 });
  });

  it("ends with one that a restart follows, but not with one that came before", async () => {
    happen({ started: { pid: 5 } });
    happen({ exited: { code: 1, willRestart: true } });
    const exit = nextExit(path(), never);
    happen({ restarting: { count: 1 } });
    happen({ started: { pid: 6 } });
    happen({ exited: { code: 2, willRestart: true } });
    assert.deepEqual(await exit, { code: 2, signal: 0 });
  });

  it("ends with the machine when that ends without one", async () => {
    happen({ started: { pid: 5 } });
    const machine = Promise.withResolvers<MachineEnd>();
    const exit = nextExit(path(), { ended: machine.promise });
    machine.resolve({ reason: "unobserved" });
    assert.equal(await exit, undefined);
  });
});
