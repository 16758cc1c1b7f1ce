/**
 * The median: of an even number of values, the mean of the two in the middle.
 *
 * @throws Error without any value.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error("there is no median of nothing");
  return (lower + upper) / 2;
}

/** The smallest and the largest value, as `MIN-MAX`. */
export function formatRange(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)}-${Math.max(...values).toFixed(digits)}`;
}

/**
 * The smallest value that at least this share of the values does not exceed (nearest rank).
 *
 * @param share above 0, up to 1.
 * @throws Error without any value.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.ceil(share * sorted.length) - 1];
  if (value === undefined) throw new Error("there is no percentile of nothing");
  return value;
}
