const DECIMAL = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** Docker's sizes of network and block traffic: powers of 1000, three digits (`1.45MB`). */
export function decimalSize(bytes: number): string {
  return scale(bytes, 1000, DECIMAL, 3);
}

/** Docker's sizes of memory: powers of 1024, four digits (`64.23MiB`). */
export function binarySize(bytes: number): string {
  return scale(bytes, 1024, BINARY, 4);
}

/**
 * Go's `%.4g` drops zeros at the end. Where rounding makes it a power of ten (999.7 kB) Docker writes `1e+03kB`; this
 * writes `1MB`.
 */
function scale(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  while (rounded(value, digits) >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${rounded(value, digits)}${units[unit] ?? ""}`;
}

function rounded(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
