import $protobuf from "protobufjs/minimal.js";
import { encodeDelimited } from "../../protocol/length-delimited.ts";
import {
  FACT_FIELDS,
  FACTS_FIELD,
  type Fact,
  type Facts,
  type FactsName,
} from "../../stats/facts/fact-fields.ts";

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Message.facts. */
const FACTS_TAG = (4 << 3) | LENGTH_DELIMITED;

type Writer = $protobuf.Writer;

/** A Message with Facts: by hand, as requests are read (request.ts). */
export function encodeFacts(facts: Facts): Buffer {
  const writer = $protobuf.Writer.create();
  writer.uint32(FACTS_TAG).fork();
  for (const name of Object.keys(FACTS_FIELD) as FactsName[]) {
    const things: readonly unknown[] = [facts[name]].flat();
    for (const thing of things) writeThing(writer, name, thing as Readonly<Record<string, Fact>>);
  }
  return encodeDelimited(writer.ldelim().finish());
}

function writeThing(writer: Writer, name: FactsName, thing: Readonly<Record<string, Fact>>): void {
  writer.uint32((FACTS_FIELD[name] << 3) | LENGTH_DELIMITED).fork();
  for (const [field, number] of Object.entries(FACT_FIELDS[name])) writeFact(writer, number, thing[field]);
  writer.ldelim();
}

function writeFact(writer: Writer, number: number, fact: Fact): void {
  if (fact === undefined) return;
  const tag = number << 3;
  if (typeof fact === "string") writer.uint32(tag | LENGTH_DELIMITED).string(fact);
  else if (typeof fact === "number") writer.uint32(tag | VARINT).uint64(fact);
  else writer.uint32(tag | VARINT).bool(fact);
}
