import { deepEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import protobuf from "protobufjs";

/** What only the agent knows, and how a sample is told. */
const OWN = new Set([
  ...["Sample.lost", "Sample.delta", "MachineSystem.clock_offset_us"],
  ...["Agent.event_loop_delay_us", "Agent.sampling_us", "Agent.restarts"],
]);

/** One of the kernel's files, or the call that tells. A comment's first slash is taken for one of its marks. */
const SOURCE = /(?:^|[ /])(?:container|tether|proc|sys)\/\w|statfs\(2\)|CLOCK_\w+/;

/** Every number and every text, with what the comments say of it: its own, and those of the messages that hold it. */
function described(): Map<string, string> {
  const path = join(import.meta.dirname, "../../../proto/stats.proto");
  const root = new protobuf.Root();
  root.loadSync(path, { keepCase: true, alternateCommentMode: true });
  const fields = new Map<string, string>();
  const walk = (type: protobuf.Type, above: string): void => {
    let before = "";
    for (const field of type.fieldsArray) {
      field.resolve();
      // A comment is of the fields that follow it without one, too.
      before = field.comment ?? before;
      const comments = [above, type.comment ?? "", before].join(" ");
      if (field.resolvedType instanceof protobuf.Type) walk(field.resolvedType, comments);
      else fields.set(`${type.name}.${field.name}`, comments);
    }
  };
  for (const name of ["Sample", "Facts"]) walk(root.lookupType(`tether.stats.${name}`), "");
  return fields;
}

describe("proto/stats.proto", () => {
  it("names the source of every field that is read", () => {
    const fields = described();
    ok(fields.size > 150);
    const without = [...fields].filter(([name, text]) => !OWN.has(name) && !SOURCE.test(text));
    deepEqual(without, []);
  });
});
