/** A message of rtnetlink(7): what the kernel passes on of a router's advertisement (struct nduseroptmsg). */
export function routerMessage(index: number, router: Buffer, options: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt8(10, 0);
  header.writeUInt16LE(options.length, 2);
  header.writeInt32LE(index, 4);
  header.writeUInt8(134, 8);
  const source = Buffer.concat([Buffer.from([20, 0, 1, 0]), router]);
  const payload = Buffer.concat([header, options, source]);
  const netlink = Buffer.alloc(16);
  netlink.writeUInt32LE(16 + payload.length, 0);
  netlink.writeUInt16LE(68, 4);
  return Buffer.concat([netlink, payload]);
}

/** An option as RFC 8106 has it: 25, addresses; 31, names in labels. */
export function routerOption(type: number, lifetimeS: number, content: Buffer): Buffer {
  const length = 8 + Math.ceil(content.length / 8) * 8;
  const bytes = Buffer.alloc(length);
  bytes.writeUInt8(type, 0);
  bytes.writeUInt8(length / 8, 1);
  bytes.writeUInt32BE(lifetimeS, 4);
  content.copy(bytes, 8);
  return bytes;
}

/** An IPv6 address of eight groups. */
export function address6(...groups: readonly number[]): Buffer {
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** A name of a domain in labels. */
export function labels(name: string): Buffer {
  const parts = name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label, "latin1")]));
  return Buffer.concat([...parts, Buffer.from([0])]);
}
