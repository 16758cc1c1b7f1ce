import { isDomainName } from "./domain-name.ts";
import { decodeAnswers, decodeAttributes } from "./netlink.ts";
import { textOfAddress6 } from "./observed-addresses.ts";

/*
 * The options of router advertisements that the kernel leaves to others: a message of rtnetlink(7) for each
 * (struct nduseroptmsg in linux/rtnetlink.h, then the option as it was received).
 */

const RTM_NEWNDUSEROPT = 68;
const NDUSEROPT_SRCADDR = 1;
const HEADER_BYTES = 16;
const ROUTER_ADVERTISEMENT = 134;

/** RFC 8106, sections 5.1 and 5.2. */
const RDNSS = 25;
const DNSSL = 31;
const OPTION_HEADER_BYTES = 8;
const ADDRESS_BYTES = 16;
const OPTION_UNIT_BYTES = 8;

const MOST_LABELS = 128;

/** What a router says of DNS. */
export interface RouterOption {
  /** Of the link that it has come by. */
  readonly index: number;
  readonly router: string;
  readonly kind: "nameserver" | "domain";
  readonly values: readonly string[];
  /** 0: no more; Infinity: for good. */
  readonly lifetimeS: number;
}

/** Decodes a datagram of the kernel's; what is something else, or not well-formed, is left out. */
export function decodeRouterOptions(datagram: Uint8Array): RouterOption[] {
  return decodeAnswers(datagram).flatMap(({ type, payload }) => {
    const bytes = Buffer.from(payload);
    if (type !== RTM_NEWNDUSEROPT || bytes.length < HEADER_BYTES) return [];
    if (bytes.readUInt8(8) !== ROUTER_ADVERTISEMENT) return [];
    const end = HEADER_BYTES + bytes.readUInt16LE(2);
    const router = decodeAttributes(bytes.subarray(end)).get(NDUSEROPT_SRCADDR);
    if (end > bytes.length || router?.length !== ADDRESS_BYTES) return [];
    const from = { index: bytes.readInt32LE(4), router: textOfAddress6(router) };
    return optionsIn(bytes.subarray(HEADER_BYTES, end)).map((option) => ({ ...from, ...option }));
  });
}

function optionsIn(bytes: Buffer): Array<Omit<RouterOption, "index" | "router">> {
  const options: Array<Omit<RouterOption, "index" | "router">> = [];
  for (let at = 0; at + OPTION_HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt8(at + 1) * OPTION_UNIT_BYTES;
    if (length === 0 || at + length > bytes.length) break;
    const seconds = bytes.readUInt32BE(at + 4);
    const lifetimeS = seconds === 0xffff_ffff ? Number.POSITIVE_INFINITY : seconds;
    const content = bytes.subarray(at + OPTION_HEADER_BYTES, at + length);
    const type = bytes.readUInt8(at);
    if (type === RDNSS) options.push({ kind: "nameserver", values: addressesIn(content), lifetimeS });
    if (type === DNSSL) options.push({ kind: "domain", values: domainsIn(content), lifetimeS });
    at += length;
  }
  return options;
}

function addressesIn(bytes: Buffer): string[] {
  return Array.from({ length: Math.floor(bytes.length / ADDRESS_BYTES) }, (_, index) =>
    textOfAddress6(bytes.subarray(index * ADDRESS_BYTES, (index + 1) * ADDRESS_BYTES)),
  );
}

/** Names in labels, never compressed, and zeroes up to the option's end (RFC 1035, section 3.1). */
function domainsIn(bytes: Buffer): string[] {
  const domains: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const labels: string[] = [];
    let length = bytes.readUInt8(at);
    while (length > 0 && at + 1 + length < bytes.length && labels.length < MOST_LABELS) {
      labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
      length = bytes.readUInt8(at);
    }
    // A name that goes beyond the option.
    if (length > 0) break;
    at += 1;
    const domain = labels.join(".");
    if (isDomainName(domain)) domains.push(domain);
  }
  return domains;
}
