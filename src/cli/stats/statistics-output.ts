/** Standard output, as far as it matters here. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** ECMA-48: ED 2 clears the screen, CUP goes to its corner. */
const CLEAR = "\u001B[2J\u001B[H";
const TO_CORNER = "\u001B[H";
/** EL clears the rest of a line, ED that of the screen. */
const CLEAR_LINE = "\u001B[K";
const CLEAR_BELOW = "\u001B[J";

/**
 * @returns shows lines in place of those before, from the corner of the screen: as many and as much of each as there
 *   is room for. No mode of the terminal is changed, so that it is as it was whenever this ends.
 */
export function drawOn(output: Output): (lines: readonly string[]) => void {
  let isCleared = false;
  return (lines) => {
    const fitted = fit(lines, output);
    // Drawn over, not cleared: a screen that is cleared each time flickers.
    const text = fitted.map((line) => `${line}${CLEAR_LINE}\n`).join("");
    output.write(`${isCleared ? TO_CORNER : CLEAR}${text}${CLEAR_BELOW}`);
    isCleared = true;
  };
}

/** Writes lines, and waits for a reader that is slower. */
export async function printOn(output: Output, lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length === 0 || output.write(lines.map((line) => `${line}\n`).join(""))) return;
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    output.once("drain", () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

/**
 * The cursor stands below the last line, which takes a row as well. A terminal whose size nobody has set (0 by 0) takes
 * all.
 */
function fit(lines: readonly string[], { rows, columns }: Output): string[] {
  const most = rows ? Math.max(1, rows - 1) : lines.length;
  const shown = lines.length > most ? lines.slice(0, most - 1) : lines;
  const rest = lines.length - shown.length;
  const all = rest === 0 ? shown : [...shown, `… and ${rest} more`];
  return all.map((line) => line.slice(0, columns || undefined));
}
