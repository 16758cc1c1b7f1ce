import { tether } from "../generated/config.js";
import { type Problem, Problems } from "./problems.ts";
import { protoName } from "./proto-name.ts";

type Document = tether.config.Config.$Properties;
type Entry = tether.config.NetworkInterface.$Properties | tether.config.Volume.$Properties;

/** The lists whose elements have names, and come and go while the container runs. */
export type EntryList = "interfaces" | "volumes";

/** One step from the document that is applied to the next. */
export type Change =
  | {
      readonly kind: "add" | "change";
      readonly list: EntryList;
      readonly name: string;
      readonly entry: Entry;
    }
  | { readonly kind: "remove"; readonly list: EntryList; readonly name: string }
  | { readonly kind: "order"; readonly list: EntryList; readonly names: readonly string[] }
  /** The field that the properties lead to, and its value; undefined: it is not set any more. */
  | { readonly kind: "set"; readonly properties: readonly string[]; readonly value: unknown };

export interface ReloadPlan {
  /** In the order in which they are carried out; meaningful only without refusals. */
  readonly changes: readonly Change[];
  /** What cannot change while the container runs. */
  readonly refusals: readonly Problem[];
}

const ENTRY_LISTS = ["interfaces", "volumes"] as const satisfies readonly EntryList[];

/** What the agent changes while the container runs. */
const CHANGEABLE = new Set(["extraHosts", "nanoCpus", "pidsLimit", "restart", "resolver"]);

/**
 * What belongs to the writing of a document or to one start: the host writes it anew each time. It is noted, and
 * changes nothing.
 */
const OF_ONE_START = new Set([
  ...["generation", "hostTimeMs", "randomSeed", "session.window", "session.holdOutput"],
  ...["log.writtenBytes", "link.acknowledgeTimeoutMs"],
]);

/** Messages whose fields are looked at each by itself, so that a refusal names the field. */
const MESSAGES = new Set(["session", "link", "log", "security", "health", "statistics"]);

/** Which device it is; another device is another vNIC. */
const DEVICE_FIELDS = ["mac", "pciSlot"] as const;

/**
 * Compares two documents that are in order: what has to be done to bring a container VM from `present` to `next`.
 * The same document twice plans nothing; what is different has a higher generation.
 */
export function planReload(present: Document, next: Document): ReloadPlan {
  const problems = new Problems();
  const changes = [
    ...planEntries("interfaces", present.interfaces ?? [], next.interfaces ?? [], problems),
    ...planEntries("volumes", present.volumes ?? [], next.volumes ?? [], problems),
    ...planFields(present, next, problems),
  ];
  const isEffective = changes.some((change) => change.kind !== "set" || !isOfOneStart(change.properties));
  const [before, after] = [present.generation ?? 0, next.generation ?? 0];
  const isNothing = !isEffective && problems.found.length === 0;
  if (after < before || (after === before && !isNothing))
    problems.at("generation").add(`is ${after}; the document that is applied has ${before}`);
  return { changes: isNothing && after === before ? [] : changes, refusals: problems.found };
}

/** The document after the changes. */
export function applyChanges(document: Document, changes: readonly Change[]): Document {
  return changes.reduce(applyChange, document);
}

/** `add interfaces[eth1]`, `set nano_cpus`: a change as its reader knows it; undefined for what is only noted. */
export function describeChange(change: Change): string | undefined {
  if (change.kind === "set")
    return isOfOneStart(change.properties) ? undefined : `set ${change.properties.map(protoName).join(".")}`;
  return change.kind === "order" ? `order ${change.list}` : `${change.kind} ${change.list}[${change.name}]`;
}

function isOfOneStart(properties: readonly string[]): boolean {
  return OF_ONE_START.has(properties.join("."));
}

/** Removed ones first: what they had (a device, a target) may be another's next. */
function planEntries(
  list: EntryList,
  present: readonly Entry[],
  next: readonly Entry[],
  problems: Problems,
): Change[] {
  const before = new Map(present.map((entry) => [entry.name ?? "", entry]));
  const after = new Set(next.map(({ name }) => name ?? ""));
  const removed = [...before.keys()].filter((name) => !after.has(name));
  const written = next.flatMap((entry, index): Change[] => {
    const name = entry.name ?? "";
    const old = before.get(name);
    if (old === undefined) return [{ kind: "add", list, name, entry }];
    if (isSame([list], [old], [entry])) return [];
    refuseDevice(old, entry, problems.at(list).at(index));
    return [{ kind: "change", list, name, entry }];
  });
  const changes = [...removed.map((name): Change => ({ kind: "remove", list, name })), ...written];
  const names = [...after];
  const reached = applyChanges({ [list]: present }, changes)[list] ?? [];
  const isInOrder = reached.every((entry, index) => (entry.name ?? "") === names[index]);
  return isInOrder ? changes : [...changes, { kind: "order", list, names }];
}

function refuseDevice(old: Entry, entry: Entry, problems: Problems): void {
  for (const field of DEVICE_FIELDS) {
    const [before, after]: unknown[] = [Reflect.get(old, field) || "", Reflect.get(entry, field) || ""];
    if (before !== after)
      problems.at(protoName(field)).add("cannot change: another device is a vNIC with another name");
  }
}

function planFields(present: Document, next: Document, problems: Problems): Change[] {
  return differences(present, next, []).flatMap((property): Change[] => {
    if (!MESSAGES.has(property)) return [planField(next, [property], problems)].flat();
    const [before, after]: unknown[] = [Reflect.get(present, property), Reflect.get(next, property)];
    const inner = differences(Object(before ?? {}), Object(after ?? {}), [property]);
    // An empty message in place of none says nothing new.
    if (inner.length === 0) return [{ kind: "set", properties: [property], value: after }];
    return inner.flatMap((each) => planField(next, [property, each], problems));
  });
}

function planField(next: Document, properties: readonly string[], problems: Problems): Change[] {
  const value = properties.reduce<unknown>((message, each) => Reflect.get(Object(message ?? {}), each), next);
  if (CHANGEABLE.has(properties.join(".")) || isOfOneStart(properties))
    return [{ kind: "set", properties, value: value ?? undefined }];
  const at = properties.reduce((where, each) => where.at(protoName(each)), problems);
  at.add("cannot change while the container runs");
  return [];
}

/** The properties of a message in which two of them are different. */
function differences(before: object, after: object, path: readonly string[]): string[] {
  const properties = new Set([...Object.keys(before), ...Object.keys(after)]);
  // The lists are looked at entry by entry.
  if (path.length === 0) for (const list of ENTRY_LISTS) properties.delete(list);
  return [...properties].filter(
    (property) => !isSame([...path, property], Reflect.get(before, property), Reflect.get(after, property)),
  );
}

/** Whether both are encoded as the same: 0 and nothing are. */
function isSame(path: readonly string[], before: unknown, after: unknown): boolean {
  if (isIdentical(before, after)) return true;
  // What is nothing to one of them is something to the other; two nothings may differ in whether they are written.
  if (!(isObject(before) || isObject(after)) && (before || after)) return false;
  return encode(path, before).equals(encode(path, after));
}

/** Encoding is the last resort: in a guest it is code that nothing else needs. */
function isIdentical(before: unknown, after: unknown): boolean {
  if (before === after) return true;
  if (!isObject(before) || !isObject(after)) return false;
  if (before instanceof Uint8Array || after instanceof Uint8Array)
    return before instanceof Uint8Array && after instanceof Uint8Array && Buffer.compare(before, after) === 0;
  const keys = Object.keys(before);
  return (
    keys.length === Object.keys(after).length &&
    keys.every((key) => isIdentical(Reflect.get(before, key), Reflect.get(after, key)))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function encode(path: readonly string[], value: unknown): Buffer {
  const inner = path.at(-1) === "sysctls" ? sorted(value) : value;
  const message = path.reduceRight<unknown>((content, property) => ({ [property]: content }), inner);
  return Buffer.from(tether.config.Config.encode(Object(message)).finish());
}

/** The order of a map's entries says nothing. */
function sorted(map: unknown): unknown {
  const entries: [string, unknown][] = Object.entries(Object(map ?? {}));
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function applyChange(document: Document, change: Change): Document {
  if (change.kind === "set") return withValue(document, change.properties, change.value);
  const entries: readonly Entry[] = document[change.list] ?? [];
  return { ...document, [change.list]: changeEntries(entries, change) };
}

function changeEntries(entries: readonly Entry[], change: Exclude<Change, { kind: "set" }>): Entry[] {
  switch (change.kind) {
    case "add":
      return [...entries, change.entry];
    case "remove":
      return entries.filter(({ name }) => name !== change.name);
    case "change":
      return entries.map((entry) => (entry.name === change.name ? change.entry : entry));
    default:
      return change.names.flatMap((name) => entries.filter((entry) => entry.name === name));
  }
}

function withValue<T extends object>(message: T, [property, ...rest]: readonly string[], value: unknown): T {
  if (property === undefined) return message;
  const inner: unknown = Reflect.get(message, property);
  return { ...message, [property]: rest.length === 0 ? value : withValue(Object(inner ?? {}), rest, value) };
}
