import { performance } from "node:perf_hooks";
import { LinuxSystem, loadNativeAddon } from "../../src/system/linux-system.ts";
import { GuestInfo } from "../../src/tether/guestinfo/index.ts";

// time-info-get.ts ADDON KEY TIMES: prints how many milliseconds so many `info-get` of the agent's client took.

/** The first ones load code. */
const WARM_UP = 20;

const [addon = "", key = "", times = ""] = process.argv.slice(2);
const system = new LinuxSystem(loadNativeAddon(addon));
// As the agent reads its configuration.
const guestinfo = new GuestInfo((request) => system.rpci(request));

async function get(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1)
    if ((await guestinfo.get(key)) === undefined) throw new Error(`${key} has no value`);
}

await get(WARM_UP);
const startMs = performance.now();
await get(Number(times));
process.stdout.write(`${performance.now() - startMs}\n`);
