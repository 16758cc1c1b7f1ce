import type { Link } from "../../src/init/network/links.ts";
import { attribute, encodeMessages, text } from "../../src/init/network/netlink.ts";

/** What the kernel says when it is asked for all links (rtnetlink(7), RTM_NEWLINK). */
export function linkAnswers(links: readonly Link[]): Uint8Array {
  return encodeMessages(
    links.map(({ index, name, mac, hasCarrier }) => {
      const header = Buffer.alloc(16);
      header.writeInt32LE(index, 4);
      const address = attribute(1, Buffer.from(mac.replaceAll(":", ""), "hex"));
      const carrier = attribute(33, Uint8Array.of(hasCarrier ? 1 : 0));
      return { type: 16, flags: 0, payload: Buffer.concat([header, address, text(3, name), carrier]) };
    }),
  );
}
