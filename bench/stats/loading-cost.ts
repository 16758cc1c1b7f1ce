import type { BenchHost } from "../bench-host.ts";
import { type GuestMemory, parseMeminfo } from "../meminfo.ts";
import { runContainer } from "../run-container.ts";
import { defaultRunRequest } from "../run-requests.ts";

/** The history begins one second after the process's start. */
const BEFORE_SECONDS = "0.8";
const BETWEEN_SECONDS = 10;
const MARK = "--then--";

/** What the guest has less of once the statistics are loaded and the history has begun, in MiB. */
export async function measureLoadingCost(host: BenchHost): Promise<number> {
  const script = `sleep ${BEFORE_SECONDS}; cat /proc/meminfo; echo ${MARK}; sleep ${BETWEEN_SECONDS}; cat /proc/meminfo`;
  const request = defaultRunRequest(host.imageReference, ["/bin/sh", "-c", script]);
  const { status, output } = await runContainer(host, request, host.signal);
  if (status !== 0) throw new Error(`the container ended with ${status}: ${output}`);
  const [before = "", after = ""] = output.split(MARK);
  const field: keyof GuestMemory = "freeOrReclaimable";
  return parseMeminfo(before)[field] - parseMeminfo(after)[field];
}
