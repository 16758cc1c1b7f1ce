import { openGuest } from "../../src/portlayer/execution/guest-access.ts";
import { Execution, openStateFolder } from "../../src/portlayer/execution/index.ts";
import { StatisticsClient } from "./statistics-client.ts";
import { ROOT, type VmHost } from "./vm-host.ts";
import { machineDriver } from "./machine-driver.ts";

/** A connection to a container VM, with as many channels for statistics as are opened on it. */
export interface StatisticsLink extends AsyncDisposable {
  open(): Promise<StatisticsClient>;
}

/** Connects to a container that runs, by its name. */
export async function openStatisticsLink(host: VmHost, name: string): Promise<StatisticsLink> {
  const driver = machineDriver();
  const execution = new Execution({
    state: openStateFolder({ VCH_STATE: host.state() }),
    driver,
    bootFolder: `${ROOT}/build/boot`,
    report: () => {},
    reportDetail: () => {},
    onStages: () => {},
  });
  const { record } = await execution.look(name);
  const guest = await openGuest({ components: { driver }, containers: execution.containers }, record);
  return {
    open: () => StatisticsClient.open(guest.connection),
    [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
  };
}
