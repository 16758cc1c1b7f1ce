/**
 * Waits for all, though one fails: what is under way would go on behind the back of whoever clears up.
 *
 * @throws what the first that failed has thrown.
 */
export async function allSettledOrThrow(work: ReadonlyArray<Promise<unknown>>): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === "rejected") throw result.reason;
}
