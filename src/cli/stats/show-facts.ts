import type { Execution } from "../../portlayer/execution/index.ts";
import type { Facts } from "../../portlayer/statistics/index.ts";
import type { Choose, Chosen } from "./chosen-containers.ts";
import { type Output, printOn } from "./statistics-output.ts";

/** Of which container VMs. */
export interface FactsRequest {
  readonly choose: Choose;
  readonly open: Execution["openStatistics"];
  readonly signal: AbortSignal;
}

/**
 * Prints what the machines of containers are, as JSON: a list with an object for each, as `docker inspect` has it.
 *
 * @throws TetherError of the first one that has no answer: it does not run, or its agent is too old to know.
 */
export async function showFacts({ choose, open, signal }: FactsRequest, output: Output): Promise<void> {
  const all = await Promise.all(
    choose().map(async (each) => {
      const facts = await factsOf(each, open, signal);
      return { Id: each.record.id, Name: each.record.name, ...facts };
    }),
  );
  await printOn(output, [JSON.stringify(all, undefined, 4)], signal);
}

async function factsOf({ record }: Chosen, open: FactsRequest["open"], signal: AbortSignal): Promise<Facts> {
  await using access = await open(record.id, signal);
  const close = (): void => access.statistics.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    signal.throwIfAborted();
    return await access.statistics.facts();
  } catch (error) {
    // What is closed meanwhile ends in an error that says so.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}
