/** Docker's gap between columns. */
const GAP = 3;

/**
 * Lays rows out in columns as wide as their widest cell, as Docker's tables are.
 *
 * @param leastWidth of a column with its gap.
 */
export function formatTable(rows: ReadonlyArray<readonly string[]>, leastWidth = 0): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(leastWidth - GAP, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd((widths[column] ?? 0) + GAP))
      .join("")
      .trimEnd(),
  );
}
