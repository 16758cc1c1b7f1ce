import type { BenchHost } from "./bench-host.ts";
import type { FigureOutcome } from "./figure.ts";
import { figures } from "./figures/index.ts";
import type { BenchOptions } from "./options.ts";

/**
 * Measures the chosen figures one after the other. One that cannot be measured does not keep the others from it.
 *
 * @throws the host's reason when it was interrupted.
 */
export async function runFigures({ only, rounds }: BenchOptions, host: BenchHost): Promise<FigureOutcome[]> {
  const outcomes: FigureOutcome[] = [];
  for (const [name, measure] of Object.entries(figures)) {
    if (!only.includes(name)) continue;
    try {
      outcomes.push({ name, measurement: await measure(host, rounds) });
    } catch (error) {
      host.signal.throwIfAborted();
      outcomes.push({ name, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return outcomes;
}
