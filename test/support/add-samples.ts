import type { Sample } from "./kernel-folders.ts";

/** What tells one of several from the others. */
const IDENTITIES = ["name", "device", "cpu", "mountPoint"];

/** A sample of differences, added to the one before: what a subscriber does who wants to know how things are. */
export function addSamples(before: Sample, delta: Sample): Sample {
  const { delta: _mark, lost, monotonicUs = 0, wallUs = 0, ...rest } = delta;
  const times = { monotonicUs, wallUs, ...(lost ? { lost } : {}) };
  return { ...(add(before, rest) as Sample), ...times };
}

function add(before: unknown, delta: unknown): unknown {
  if (typeof delta === "number") return (typeof before === "number" ? before : 0) + delta;
  if (Array.isArray(delta)) return addLists(Array.isArray(before) ? before : [], delta);
  if (typeof delta !== "object" || delta === null) return delta ?? before;
  const sum: Record<string, unknown> = { ...Object(before ?? {}) };
  for (const [key, value] of Object.entries(delta))
    if (value !== null && !IDENTITIES.includes(key)) sum[key] = add(sum[key], value);
  return sum;
}

function addLists(before: readonly unknown[], delta: readonly unknown[]): unknown[] {
  const changes = new Map(delta.map((entry) => [identityOf(entry), entry]));
  return before.map((entry) => add(entry, changes.get(identityOf(entry)) ?? {}));
}

function identityOf(entry: unknown): string {
  return IDENTITIES.map((key) => String(Reflect.get(Object(entry), key) ?? "")).join(" ");
}
