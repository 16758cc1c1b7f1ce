/**
 * Finds the first candidate that does, by halving: every candidate behind one that does is taken to do as well.
 *
 * @param candidates in rising order.
 * @returns undefined when none does.
 */
export async function findSmallest(
  candidates: readonly number[],
  does: (candidate: number) => Promise<boolean>,
): Promise<number | undefined> {
  let low = 0;
  let high = candidates.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const candidate = candidates[middle];
    if (candidate !== undefined && (await does(candidate))) high = middle;
    else low = middle + 1;
  }
  return candidates[low];
}
