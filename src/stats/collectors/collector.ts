import type { MessageShape } from "../encoding/shape.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import type { Group, NumberFields } from "../values/schema.ts";
import type { Values } from "../values/values.ts";

/** Where the kernel tells what; other folders in tests. */
export interface StatsFolders {
  /** The container's cgroup and the agent's. */
  readonly container: string;
  readonly tether: string;
  readonly proc: string;
  readonly sys: string;
}

/** What collectors are made of. */
export interface CollectorParts {
  readonly values: Values;
  readonly folders: StatsFolders;
}

/** Makes the numbers of one group. */
export interface Collector {
  readonly group: Group;
  /** What is read for each sample. */
  readonly files: readonly KernelFile[];
  /** The group's messages: another array when one has come or gone. */
  messages(): readonly MessageShape[];
  /** For what is not in files. */
  refresh?(): void;
}

/** The slots of a message that is always there, by their fields' names. */
export function slotsOf<Fields extends NumberFields>(
  values: Values,
  name: string,
  fields: Fields,
): { readonly row: number; readonly slot: (field: Fields[number]["name"]) => number } {
  const row = values.add(name, fields);
  return { row, slot: (field) => row + fields.findIndex((each) => each.name === field) };
}
