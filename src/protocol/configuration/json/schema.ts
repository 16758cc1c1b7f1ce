/** What proto/config.proto says of a field, for code that walks over any message. */
export interface Field {
  /** As proto/config.proto has it: `nano_cpus`. */
  readonly name: string;
  /** As the generated code has it: `nanoCpus`. */
  readonly property: string;
  /** Its number in the encoded message. */
  readonly id: number;
  readonly type: "string" | "bytes" | "bool" | "uint32" | "uint64" | "sint32" | "sint64" | "message" | "enum";
  /** The message or enumeration, as a key of the schema: `Dynamic.Method`. */
  readonly of?: string;
  /** How often it is there: `map` is of texts to texts. */
  readonly count: "one" | "list" | "map";
  /** Of fields with the same word here only one is given. */
  readonly oneof?: string;
  readonly comment: string;
}

/** An enumeration's names, by number, with their comments. */
export interface Enumeration {
  readonly numbers: Readonly<Record<string, number>>;
  readonly comments: Readonly<Record<string, string>>;
}

export interface Message {
  readonly comment: string;
  readonly fields: readonly Field[];
}

/** proto/config.proto as data; `src/protocol/generated/config-schema.js` is made from it. */
export interface Schema {
  readonly messages: Readonly<Record<string, Message>>;
  readonly enumerations: Readonly<Record<string, Enumeration>>;
}
