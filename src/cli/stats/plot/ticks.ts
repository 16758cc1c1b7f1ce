/** Where an axis has its lines, and what is written there. */
export interface Axis {
  /** The axis goes from 0 to here. */
  readonly end: number;
  readonly ticks: ReadonlyArray<{ readonly value: number; readonly label: string }>;
}

/** More lines than that make an axis hard to read. */
const MOST_TICKS = 5;

/** An axis of percent: 100 is one CPU. */
export function percentAxis(largest: number): Axis {
  return makeAxis(largest, 10, decimalStep, (value) => `${value}\u202F%`);
}

/** An axis of bytes: powers of 1024, as memory is shown. */
export function memoryAxis(largest: number): Axis {
  return makeAxis(largest, 1024 ** 2, (least) => inUnits(least, 1024, BINARY_STEPS), binaryLabel);
}

/** An axis of bytes in a second: powers of 1000, as traffic is shown. */
export function rateAxis(largest: number): Axis {
  return makeAxis(largest, 1000, decimalStep, (value) =>
    value === 0 ? "0" : `${inUnit(value, 1000, DECIMAL_UNITS)}/s`,
  );
}

/**
 * Times on the axis of a run that takes so long: whole seconds, minutes or hours.
 *
 * @param most how many there may be.
 * @returns seconds, and how they are written: `0:30` is half a minute, `2:00:00` two hours.
 */
export function timeTicks(seconds: number, most: number): Axis["ticks"] {
  const step = TIME_STEPS.find((each) => seconds / each <= most) ?? Math.ceil(seconds / most / DAY) * DAY;
  const count = Math.floor(seconds / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => ({
    value: index * step,
    label: clock(index * step),
  }));
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIME_STEPS = [1, 2, 5, 10, 15, 30]
  .flatMap((each) => [each, each * MINUTE])
  .concat([1, 2, 3, 6, 12, 24].map((each) => each * HOUR))
  .sort((a, b) => a - b);

const BINARY_STEPS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

function makeAxis(
  largest: number,
  least: number,
  stepOf: (least: number) => number,
  label: (value: number) => string,
): Axis {
  const end = Math.max(largest, least);
  const step = stepOf(end / MOST_TICKS);
  const count = Math.ceil(end / step - 1e-9);
  return {
    end: count * step,
    ticks: Array.from({ length: count + 1 }, (_, index) => ({
      value: index * step,
      label: label(index * step),
    })),
  };
}

/** 1, 2 or 5 times a power of ten. */
function decimalStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((each) => each * power >= least * (1 - 1e-9)) ?? 10) * power;
}

function inUnits(least: number, base: number, steps: readonly number[]): number {
  let unit = 1;
  while (least / unit > (steps.at(-1) ?? 1)) unit *= base;
  return (steps.find((each) => each * unit >= least) ?? base) * unit;
}

function binaryLabel(value: number): string {
  return inUnit(value, 1024, BINARY_UNITS);
}

function inUnit(value: number, base: number, units: readonly string[]): string {
  if (value === 0) return "0";
  let [scaled, unit] = [value, 0];
  while (scaled >= base && unit < units.length - 1) {
    scaled /= base;
    unit++;
  }
  return `${Number(scaled.toPrecision(4))}\u202F${units[unit] ?? ""}`;
}

function clock(seconds: number): string {
  const parts = [Math.floor(seconds / HOUR), Math.floor(seconds / MINUTE) % 60, seconds % 60];
  const [hours = 0, ...rest] = parts;
  const text = rest.map((each) => String(each).padStart(2, "0")).join(":");
  return hours > 0 ? `${hours}:${text}` : text.replace(/^0/, "");
}
