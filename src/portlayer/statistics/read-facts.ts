import { TetherError } from "../../protocol/errors/index.ts";
import type { FactsMessage } from "../../protocol/stats-messages.ts";

/** Of each kind, as of a sample's. */
const MAX_LISTED = 256;
/** As in proto/stats.proto. */
const MAX_TEXT = 2048;

/** A field that the guest has not set is undefined. */
type Thing<Message> = { readonly [Field in keyof Message]?: NonNullable<Message[Field]> };
type One<Name extends keyof FactsMessage> = Thing<NonNullable<FactsMessage[Name]>>;
type Each<Name extends "networkCards" | "disks" | "fileSystems"> = Thing<
  NonNullable<FactsMessage[Name]>[number]
>;

/** What a machine is, by its guest. What the guest's kernel does not tell is left out. */
export interface Facts {
  readonly hardware: One<"hardware">;
  readonly firmware: One<"firmware">;
  readonly operatingSystem: One<"operatingSystem">;
  readonly processor: One<"processor">;
  readonly networkCards: ReadonlyArray<Each<"networkCards">>;
  readonly disks: ReadonlyArray<Each<"disks">>;
  readonly fileSystems: ReadonlyArray<Each<"fileSystems">>;
}

/**
 * Checks what a guest has sent, which is hostile until then: texts go to a user's terminal and into labels.
 *
 * @throws TetherError `link-protocol` for numbers that cannot be, and for more than 256 of a kind.
 */
export function readFacts(message: FactsMessage): Facts {
  return {
    hardware: readThing(message.hardware),
    firmware: readThing(message.firmware),
    operatingSystem: readThing(message.operatingSystem),
    processor: readThing(message.processor),
    networkCards: readList("network cards", message.networkCards),
    disks: readList("disks", message.disks),
    fileSystems: readList("file systems", message.fileSystems),
  };
}

function readList<Message extends object>(
  what: string,
  list: readonly Message[] | null | undefined,
): Thing<Message>[] {
  if ((list?.length ?? 0) > MAX_LISTED) throw broken(`more than ${MAX_LISTED} ${what}`);
  return (list ?? []).map(readThing);
}

function readThing<Message extends object>(message: Message | null | undefined): Thing<Message> {
  const facts = Object.entries(message ?? {}).flatMap(([field, value]) => {
    const fact = readFact(field, value);
    return fact === undefined ? [] : [[field, fact] as const];
  });
  // Of the message's own fields, each as it was.
  return Object.fromEntries(facts) as Thing<Message>;
}

function readFact(field: string, value: unknown): string | number | boolean | undefined {
  if (typeof value === "string")
    return value.slice(0, MAX_TEXT).replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");
  if (typeof value === "boolean") return value;
  if (typeof value !== "number") return undefined;
  if (!Number.isSafeInteger(value) || value < 0) throw broken(`${field} is ${value}`);
  return value;
}

function broken(what: string): TetherError {
  return new TetherError("link-protocol", `the guest's facts cannot be right: ${what}`);
}
