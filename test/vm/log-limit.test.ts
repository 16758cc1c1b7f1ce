import assert from "node:assert/strict";
import { readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";

const MAX_BYTES = 256 * 1024;

/** The new file's part that was written before the guest was told of it. */
const LARGEST_BYTES = 1.25 * MAX_BYTES;

describe("the log of a container VM that has a limit", () => {
  const host = useHost();

  it("stays within it while a vch is in the foreground, with all that was printed last", async () => {
    const options = ["--log-opt", "max-size=256k", "--log-opt", "max-file=3"];
    // In steps, as a service does: 1.5 MiB in all.
    const script = `for n in $(awk 'BEGIN { for (n = 1; n <= 60; n++) print n }'); do
      awk -v n=$n 'BEGIN { for (i = 0; i < 1000; i++) print n, "line", i, "of many" }'; sleep 0.05; done`;
    const call = host.start(["run", "--name", "chatty", ...options, DEMO_IMAGE, "sh", "-c", script]);
    await call.stdout.expect(/^1 line/);
    const folder = host.state("containers", host.containers()[0] ?? "");
    let largest = 0;
    const look = (): void => {
      for (const name of readdirSync(folder).filter((each) => /^log(\.\d+)?$/.test(each)))
        largest = Math.max(largest, statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
    };
    const watcher = watch(folder, look);
    const { status, stdout } = await call.finished;
    watcher.close();
    assert.equal(status, 0);
    assert.ok(largest >= 0.75 * MAX_BYTES && largest <= LARGEST_BYTES, `${largest} bytes`);
    const files = readdirSync(folder).filter((name) => /^log(\.\d+)?$/.test(name));
    assert.deepEqual(files.sort(), ["log", "log.1", "log.2"]);
    const logged = (await host.run(["logs", "chatty"])).stdout.toString();
    assert.ok(logged.length > 0.25 * MAX_BYTES && stdout.toString().endsWith(logged));
    await host.run(["rm", "chatty"]);
  });
});
