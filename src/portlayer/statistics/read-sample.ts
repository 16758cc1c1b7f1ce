import { TetherError } from "../../protocol/errors/index.ts";
import type { SampleMessage } from "../../protocol/stats-messages.ts";
import { type ListShape, type NumberKind, type Sample, SAMPLE_SHAPE, type Shape } from "./sample-shape.ts";

/** Of each kind. A guest with more has lost its senses, or wants to cost us memory. */
const MAX_LISTED = 256;

/** What has been read, before it has a type. */
interface Values {
  readonly [field: string]: number | string | Values | readonly Values[] | undefined;
}

/**
 * Checks what a guest has sent, which is hostile until then, and makes a whole sample of it.
 *
 * @param before the sample that a difference is to be added to: of the same subscription.
 * @throws TetherError `link-protocol` for numbers that cannot be (below zero, above 2^53, a time that goes back), names
 *   that no device has, a name twice, more than 256 of a kind, and a difference to nothing.
 */
export function readSample(message: SampleMessage, before: Sample | undefined): Sample {
  const isDelta = message.delta === true;
  if (isDelta && before === undefined) throw broken("a difference comes first");
  const groups = readGroup(SAMPLE_SHAPE, asObject(message), { isDelta, path: "" });
  const values = isDelta ? add(SAMPLE_SHAPE, asObject(before) as Values, groups, "") : groups;
  const sample = {
    // Walked by the shape that the type is made of.
    ...(values as Omit<Sample, "monotonicUs" | "wallUs" | "lost">),
    monotonicUs: wholeNumber(message.monotonicUs ?? 0, "monotonic_us"),
    wallUs: wholeNumber(message.wallUs ?? 0, "wall_us"),
    lost: wholeNumber(message.lost ?? 0, "lost"),
  };
  if (sample.monotonicUs < (before?.monotonicUs ?? 0)) throw broken("its monotonic clock went back");
  return sample;
}

interface Reading {
  readonly isDelta: boolean;
  readonly path: string;
}

function readGroup(shape: Shape, source: Readonly<Record<string, unknown>>, reading: Reading): Values {
  const values: Record<string, Values[string]> = {};
  for (const [field, kind] of Object.entries(shape)) {
    const value = source[field] ?? undefined;
    const own = { ...reading, path: join(reading.path, field) };
    if (value !== undefined) values[field] = readField(kind, value, own);
  }
  return values;
}

function readField(kind: Shape[string], value: unknown, reading: Reading): NonNullable<Values[string]> {
  if (isNumber(kind)) return readNumber(kind, value, reading);
  if (isList(kind)) return readList(kind, value, reading);
  return readGroup(kind, asObject(value), reading);
}

function readNumber(kind: NumberKind, value: unknown, { isDelta, path }: Reading): number {
  if (isDelta || kind === "difference") return signedNumber(value, path);
  return wholeNumber(value, path);
}

function readList({ listedBy, names, texts, item }: ListShape, value: unknown, reading: Reading): Values[] {
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (list.length > MAX_LISTED) throw broken(`${reading.path} lists ${list.length}, more than ${MAX_LISTED}`);
  const seen = new Set<string>();
  return list.map((each) => {
    const source = asObject(each);
    // A CPU's number is its name.
    const name = String((source[listedBy] as string | number | null | undefined) ?? "");
    if (!names.test(name)) throw broken(`${reading.path} has a name that cannot be: ${JSON.stringify(name)}`);
    if (seen.has(name)) throw broken(`${reading.path} has ${JSON.stringify(name)} twice`);
    seen.add(name);
    return {
      [listedBy]: name,
      ...Object.fromEntries(texts.map((field) => [field, shortText(source[field])])),
      ...readGroup(item, source, { ...reading, path: join(reading.path, name) }),
    };
  });
}

/** A sample and a difference to it. What the difference does not name is as it was. */
function add(shape: Shape, before: Values, delta: Values, path: string): Values {
  const sum: Record<string, Values[string]> = { ...before };
  for (const [field, kind] of Object.entries(shape)) {
    const change = delta[field];
    const old = before[field];
    if (change === undefined || (Array.isArray(change) && change.length === 0)) continue;
    const own = join(path, field);
    if (old === undefined) throw broken(`a difference names ${own}, which was not there`);
    if (isNumber(kind)) sum[field] = total(kind, Number(old) + Number(change), own);
    else if (isList(kind)) sum[field] = addLists(kind, old as Values[], change as Values[], own);
    else sum[field] = add(kind, old as Values, change as Values, own);
  }
  return sum;
}

function addLists(
  { listedBy, item }: ListShape,
  before: readonly Values[],
  delta: readonly Values[],
  path: string,
): Values[] {
  const nameOf = (each: Values): string => each[listedBy] as string;
  const sums = new Map(before.map((each) => [nameOf(each), each]));
  for (const change of delta) {
    const own = join(path, nameOf(change));
    const old = sums.get(nameOf(change));
    if (old === undefined) throw broken(`a difference names ${own}, which was not there`);
    sums.set(nameOf(change), add(item, old, change, own));
  }
  return [...sums.values()];
}

function total(kind: NumberKind, value: number, path: string): number {
  return kind === "difference" ? signedNumber(value, path) : wholeNumber(value, path);
}

function isNumber(kind: Shape[string]): kind is NumberKind {
  return typeof kind === "string";
}

function isList(kind: Exclude<Shape[string], NumberKind>): kind is ListShape {
  return "listedBy" in kind;
}

function wholeNumber(value: unknown, path: string): number {
  const number = signedNumber(value, path);
  if (number < 0) throw broken(`${path} is ${number}`);
  return number;
}

function signedNumber(value: unknown, path: string): number {
  // Above 2^53 a number is not exact any more; microseconds since 1970 reach it in the year 2255.
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw broken(`${path} is ${String(value)}`);
}

/** A file system's type goes to a user's terminal, and into labels. */
function shortText(value: unknown): string {
  return typeof value === "string" && /^[!-~]{1,32}$/.test(value) ? value : "";
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  // Messages are decoded into objects with fields by their names.
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function join(path: string, field: string): string {
  return path === "" ? field : `${path}.${field}`;
}

function broken(what: string): TetherError {
  return new TetherError("link-protocol", `the guest's statistics cannot be right: ${what}`);
}
