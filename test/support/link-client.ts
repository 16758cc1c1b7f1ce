// A client in a process of its own: opens a link to a running container VM, says so, and keeps it until it is killed.
import { type RunningMachine } from "../../src/hypervisor/index.ts";
import { GuestConnection, type LinkKeys } from "../../src/portlayer/interaction/index.ts";
import { machineDriver } from "./machine-driver.ts";

const { running, keys } = JSON.parse(process.argv[2] ?? "") as { running: RunningMachine; keys: LinkKeys };
const machine = machineDriver().adopt(running);
if (machine === undefined) throw new Error("the machine does not run");
const socket = await machine.connectLink();
const connection = await GuestConnection.open(socket, keys, () => {}, AbortSignal.timeout(60_000));
await connection.snapshot();
process.stdout.write("open\n");
