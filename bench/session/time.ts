import { performance } from "node:perf_hooks";

/** Milliseconds that work takes. */
export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** Times work again and again, one after the other. */
export async function timeEach(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) times.push(await timeMs(work));
  return times;
}
