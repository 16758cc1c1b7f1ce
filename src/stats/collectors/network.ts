import { join } from "node:path";
import { textField } from "../encoding/shape.ts";
import { EntryList } from "../reading/entry-list.ts";
import type { Scanner } from "../reading/scanner.ts";
import { FIELDS, GROUP, indexOf, SAMPLE_FIELD } from "../values/schema.ts";
import type { Collector, CollectorParts } from "./collector.ts";
import { type Column, columnsFile } from "./columns-file.ts";

/** The field of NetworkInterface that is no number. */
const NAME_FIELD = 1;

const column = (field: Parameters<typeof indexOf<"NetworkInterface">>[1]): Column => ({
  index: indexOf("NetworkInterface", field),
});
const PASSED_OVER: Column = { index: undefined };

/** bytes packets errs drop fifo frame compressed multicast, and the same of what is sent. */
const COLUMNS = [
  ...[
    column("received_bytes"),
    column("received_packets"),
    column("receive_errors"),
    column("receive_drops"),
  ],
  ...[PASSED_OVER, PASSED_OVER, PASSED_OVER, PASSED_OVER],
  ...[column("sent_bytes"), column("sent_packets"), column("send_errors"), column("send_drops")],
];

const COLON = 0x3a;
const LOOPBACK = "lo";

/** What every interface but the loopback has received and sent (proc(5), /proc/net/dev). */
export function network({ values, folders }: CollectorParts): Collector {
  const group = GROUP.NETWORK;
  const list = new EntryList({
    ...{ values, name: "network", field: SAMPLE_FIELD[group], numbers: FIELDS.NetworkInterface },
    // The kernel lets a name have any bytes; text that is none of Unicode's is repaired.
    identify: (name) =>
      name === LOOPBACK
        ? undefined
        : { identity: textField(NAME_FIELD, Buffer.from(name, "latin1").toString()) },
  });
  const numbers = FIELDS.NetworkInterface.length;
  const path = join(folders.proc, "net/dev");
  return {
    group,
    files: [columnsFile({ path, values, list, numbers, columns: COLUMNS, findName })],
    messages: () => list.messages,
  };
}

/** `  eth0: 1296 ...`; the two lines of the heading have no colon. */
function findName(scanner: Scanner): boolean {
  scanner.skipSpaces();
  const { bytes, at, end } = scanner;
  let colon = at;
  while (colon < end && bytes[colon] !== COLON && bytes[colon] !== 0x0a) colon += 1;
  if (colon >= end || bytes[colon] !== COLON) return false;
  scanner.wordStart = at;
  scanner.wordEnd = colon;
  scanner.at = colon + 1;
  return colon > at;
}
