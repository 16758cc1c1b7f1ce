import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import fc from "fast-check";
import { loadNativeAddon } from "../../../src/system/linux-system.ts";
import { NativePacketCiphers } from "../../../src/system/packet-ciphers.ts";
import { AESGCMCipher, AESGCMDecipher, providePacketCiphers } from "../../../src/tether/ssh2-addon.ts";
import { built } from "../../support/native-system.ts";

const NAME = "aes-128-gcm";
const LENGTH_BYTES = 4;
const TAG_BYTES = 16;

describe("the stand-in for ssh2's addon", () => {
  before(() => providePacketCiphers(new NativePacketCiphers(loadNativeAddon(built("tether.node")))));

  it("seals packets that node:crypto opens, one after the other", () => {
    fc.assert(
      fc.property(keys, fc.array(payloads, { minLength: 1, maxLength: 5 }), ({ key, iv }, all) => {
        const cipher = new AESGCMCipher(NAME, key, iv);
        all.forEach((payload, count) => {
          const packet = packetOf(payload);
          cipher.encrypt(packet);
          assert.deepEqual(openWithNode(key, advanced(iv, count), packet), payload);
        });
      }),
    );
  });

  it("opens packets that node:crypto has sealed", () => {
    fc.assert(
      fc.property(keys, fc.array(payloads, { minLength: 1, maxLength: 5 }), ({ key, iv }, all) => {
        const decipher = new AESGCMDecipher(NAME, key, iv);
        all.forEach((payload, count) => {
          const { length, body, tag } = sealWithNode(key, advanced(iv, count), packetOf(payload));
          decipher.decrypt(body, length, tag);
          assert.deepEqual(payloadOf(body), payload);
        });
      }),
    );
  });

  it("counts on where the invocation counter overflows", () => {
    const key = randomBytes(16);
    const iv = Buffer.from("01020304ffffffffffffffff", "hex");
    const cipher = new AESGCMCipher(NAME, key, iv);
    cipher.encrypt(packetOf(Buffer.from("first")));
    const second = packetOf(Buffer.from("second"));
    cipher.encrypt(second);
    const next = Buffer.from("010203040000000000000000", "hex");
    assert.equal(openWithNode(key, next, second).toString(), "second");
  });

  it("takes no packet of which a bit was changed", () => {
    fc.assert(
      fc.property(keys, payloads, fc.nat(), ({ key, iv }, payload, place) => {
        const { length, body, tag } = sealWithNode(key, iv, packetOf(payload));
        const part = [body, tag][place % 2] ?? body;
        const index = place % part.length;
        part[index] = (part[index] ?? 0) ^ 1;
        assert.throws(() => new AESGCMDecipher(NAME, key, iv).decrypt(body, length, tag), /tag does not fit/);
      }),
    );
  });

  it("takes no packet with another length", () => {
    const [key, iv] = [randomBytes(16), randomBytes(12)];
    const { length, body, tag } = sealWithNode(key, iv, packetOf(Buffer.from("text")));
    assert.throws(
      () => new AESGCMDecipher(NAME, key, iv).decrypt(body, length + 16, tag),
      /tag does not fit/,
    );
  });

  it("pads each packet with other bytes", () => {
    const paddings = new Set<string>();
    for (let i = 0; i < 100; i += 1) {
      const [key, iv] = [randomBytes(16), randomBytes(12)];
      const packet = packetOf(Buffer.alloc(11));
      new AESGCMCipher(NAME, key, iv).encrypt(packet);
      const decipher = createDecipheriv(NAME, key, iv);
      paddings.add(decipher.update(packet.subarray(LENGTH_BYTES, -TAG_BYTES)).subarray(12).toString("hex"));
    }
    assert.equal(paddings.size, 100);
  });

  it("refuses what is no packet", () => {
    const cipher = new AESGCMCipher(NAME, randomBytes(16), randomBytes(12));
    const refused = (packet: Uint8Array): void => assert.throws(() => cipher.encrypt(packet), TypeError);
    refused(Buffer.alloc(35));
    const tooMuchPadding = packetOf(Buffer.alloc(3));
    tooMuchPadding[LENGTH_BYTES] = 200;
    refused(tooMuchPadding);
    const noPadding = packetOf(Buffer.alloc(3));
    noPadding[LENGTH_BYTES] = 0;
    refused(noPadding);
    assert.throws(() => new AESGCMCipher(NAME, randomBytes(15), randomBytes(12)), TypeError);
    assert.throws(() => new AESGCMCipher(NAME, randomBytes(16), randomBytes(16)), TypeError);
  });

  it("does nothing once it is freed", () => {
    const cipher = new AESGCMCipher(NAME, randomBytes(16), randomBytes(12));
    cipher.free();
    const packet = packetOf(Buffer.from("text"));
    const before = Buffer.from(packet);
    cipher.encrypt(packet);
    assert.deepEqual(packet, before);
  });
});

const keys = fc.record({
  key: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  iv: fc.uint8Array({ minLength: 12, maxLength: 12 }),
});

const payloads = fc.uint8Array({ maxLength: 33_000 }).map((bytes) => Buffer.from(bytes));

/** As ssh2 lays a packet out: padded to blocks of 16, without the length field, and at least by 4. */
function packetOf(payload: Buffer): Buffer {
  let padding = 16 - ((payload.length + 1) % 16);
  if (padding < 4) padding += 16;
  const packet = Buffer.alloc(LENGTH_BYTES + 1 + payload.length + padding + TAG_BYTES);
  packet.writeUInt32BE(packet.length - LENGTH_BYTES - TAG_BYTES);
  packet[LENGTH_BYTES] = padding;
  payload.copy(packet, LENGTH_BYTES + 1);
  return packet;
}

function payloadOf(body: Buffer): Buffer {
  return body.subarray(1, body.length - (body[0] ?? 0));
}

function advanced(iv: Uint8Array, count: number): Buffer {
  const result = Buffer.from(iv);
  result.writeBigUInt64BE(BigInt.asUintN(64, result.readBigUInt64BE(4) + BigInt(count)), 4);
  return result;
}

function openWithNode(key: Uint8Array, iv: Uint8Array, packet: Buffer): Buffer {
  const decipher = createDecipheriv(NAME, key, iv);
  decipher.setAAD(packet.subarray(0, LENGTH_BYTES)).setAuthTag(packet.subarray(-TAG_BYTES));
  const body = decipher.update(packet.subarray(LENGTH_BYTES, -TAG_BYTES));
  decipher.final();
  return payloadOf(body);
}

function sealWithNode(
  key: Uint8Array,
  iv: Uint8Array,
  packet: Buffer,
): { readonly length: number; readonly body: Buffer; readonly tag: Buffer } {
  const cipher = createCipheriv(NAME, key, iv).setAAD(packet.subarray(0, LENGTH_BYTES));
  const body = cipher.update(packet.subarray(LENGTH_BYTES, -TAG_BYTES));
  cipher.final();
  return { length: packet.readUInt32BE(), body, tag: cipher.getAuthTag() };
}
