import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { makeLinkKeys } from "../../../../src/portlayer/interaction/index.ts";
import { encodeConfiguration } from "../../../../src/portlayer/execution/configuration-document.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { tether } from "../../../../src/protocol/generated/config.js";
import { decodeConfiguration } from "../../../../src/tether/configuration/decode.ts";
import { containerSettings } from "../../../support/container-settings.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";

const keys = makeLinkKeys();
const linkOf = ({ hostPrivateKey, clientPublicKey }: typeof keys) => ({
  hostKey: hostPrivateKey,
  clientPublicKey,
});
const start = {
  id: "0123456789abcdef".repeat(4),
  name: "name",
  window: { columns: 132, rows: 43 },
  holdsOutput: true,
  loggedBytes: 77,
  acknowledgeTimeoutMs: 0,
};
const configuration = containerSettings({
  hostname: "box",
  args: ["/bin/sh", "-c", "echo"],
  environment: ["A=b"],
  workingDirectory: "/work",
  user: "app:video",
  stopSignal: "SIGTERM",
  nanoCpus: 1_500_000_000,
  pidsLimit: 2 ** 40,
  tty: true,
  openStdin: true,
  stdinOnce: true,
});

/** A document as a host would write it, with some fields different. */
function document(changes: tether.config.Config.$Properties = {}): Uint8Array {
  const valid: tether.config.Config.$Properties = {
    version: 1,
    id: start.id,
    hostname: "box",
    session: { args: [Buffer.from("/bin/true")] },
    link: linkOf(keys),
  };
  return gzipSync(tether.config.Config.encode({ ...valid, ...changes }).finish());
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

describe("the configuration", () => {
  it("that the port layer writes is what the agent reads", async () => {
    const decoded = await decodeConfiguration(encodeConfiguration(configuration, start, keys));
    assert.equal(decoded.id, start.id);
    assert.equal(decoded.hostname, "box");
    assert.equal(decoded.nanoCpus, 1_500_000_000);
    assert.equal(decoded.pidsLimit, 0xffff_ffff);
    assert.deepEqual(decoded.session.args.map(text), configuration.args);
    assert.deepEqual(decoded.session.environment.map(text), configuration.environment);
    assert.equal(text(decoded.session.workingDirectory), "/work");
    const { user, tty, openStdin, stdinOnce, window, hostname } = decoded.session;
    assert.deepEqual(
      { user, tty, openStdin, stdinOnce, hostname },
      { user: "app:video", tty: true, openStdin: true, stdinOnce: true, hostname: "box" },
    );
    assert.deepEqual({ ...window }, { columns: 132, rows: 43 });
    assert.equal(decoded.log.writtenBytes, 77);
    assert.deepEqual(decoded.link, {
      hostKey: keys.hostPrivateKey,
      clientPublicKey: keys.clientPublicKey,
      acknowledgeTimeoutMs: 30_000,
    });
  });

  it("carries every argument and variable unchanged", async () => {
    const word = fc.string({ unit: "binary", maxLength: 50 }).filter((each) => !each.includes("\0"));
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1 }), fc.array(word), async (args, environment) => {
        const decoded = await decodeConfiguration(
          encodeConfiguration({ ...configuration, args, environment }, start, keys),
        );
        assert.deepEqual(decoded.session.args.map(text), args);
        assert.deepEqual(decoded.session.environment.map(text), environment);
      }),
      { numRuns: 30 },
    );
  });

  it("carries bytes that are no text", async () => {
    const arg = Uint8Array.of(0xff, 0xfe, 0x80, 0x0a, 0x7c);
    const { session } = await decodeConfiguration(document({ session: { args: [arg] } }));
    assert.deepEqual([...(session.args[0] ?? [])], [...arg]);
  });

  it("has defaults where it says nothing", async () => {
    const { session, link, nanoCpus, extraHosts } = await decodeConfiguration(document());
    assert.equal(text(session.workingDirectory), "/");
    assert.deepEqual(
      [session.user, session.tty, session.openStdin, session.window],
      ["", false, false, undefined],
    );
    assert.equal(link.acknowledgeTimeoutMs, 30_000);
    assert.equal(nanoCpus, 0);
    assert.deepEqual(extraHosts, []);
  });

  it("carries extra hosts and the acknowledgement's limit", async () => {
    const decoded = await decodeConfiguration(
      document({
        extraHosts: [{ address: "10.0.0.1", names: ["db"] }],
        link: { ...linkOf(keys), acknowledgeTimeoutMs: 250 },
      }),
    );
    assert.deepEqual(decoded.extraHosts, [{ address: "10.0.0.1", names: ["db"] }]);
    assert.equal(decoded.link.acknowledgeTimeoutMs, 250);
  });

  const refused: ReadonlyArray<readonly [string, Uint8Array, RegExp]> = [
    [
      "of another version",
      document({ version: 2 }),
      /^configuration: version is 2; this version understands 1$/,
    ],
    ["without a version", document({ version: 0 }), /version is 0/],
    ["with a short id", document({ id: "abc" }), /id is not 64 hexadecimal digits/],
    ["whose id is a path", document({ id: `../${"a".repeat(61)}` }), /id is not/],
    ["without a host name", document({ hostname: "" }), /hostname ""/],
    ["with a host name of 65 bytes", document({ hostname: "h".repeat(65) }), /1 to 64 bytes/],
    ["with a host name that breaks lines", document({ hostname: "a\nb" }), /hostname/],
    ["with a host name that breaks off", document({ hostname: "a\0b" }), /hostname/],
    ["with a host name of 33 characters in 66 bytes", document({ hostname: "ä".repeat(33) }), /hostname/],
    ["without a session", document({ session: null }), /session\.args is empty/],
    ["without a command", document({ session: { args: [] } }), /session\.args is empty/],
    ["with a NUL in an argument", document({ session: { args: [bytes("a\0b")] } }), /NUL/],
    ["with a NUL in a variable", document({ session: { args: [bytes("a")], env: [bytes("A=\0")] } }), /NUL/],
    [
      "with a relative working directory",
      document({ session: { args: [bytes("a")], workingDirectory: bytes("tmp") } }),
      /session\.working_directory is not absolute/,
    ],
    [
      "with a window that no terminal has",
      document({ session: { args: [bytes("a")], window: { columns: 65_536, rows: 1 } } }),
      /session\.window\.columns is larger than 65535/,
    ],
    [
      "without keys",
      document({ link: null }),
      /link\.host_key is missing; link\.client_public_key is missing/,
    ],
    [
      "with something in place of a key",
      document({ link: { ...linkOf(keys), hostKey: "h" } }),
      /link\.host_key is no private key/,
    ],
    ["that is empty", Buffer.alloc(0), /version is 0/],
    ["that is not compressed", Buffer.from("version: 1"), /cannot be read/],
    ["that is cut off", document().subarray(0, -10), /cannot be read/],
    ["that is no protobuf", gzipSync(Buffer.alloc(20, 0xff)), /cannot be read/],
    ["that unpacks to more than 4 MiB", gzipSync(Buffer.alloc(4 * 1024 * 1024 + 1)), /cannot be read/],
  ];
  for (const [what, compressed, message] of refused) {
    it(`${what} is refused with the reason`, async () => {
      await assert.rejects(decodeConfiguration(compressed), catalogueError("guest-initialisation", message));
    });
  }

  it("that is a bomb is refused before it is unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(128 * 1024 * 1024));
    const before = process.memoryUsage().rss;
    await assert.rejects(decodeConfiguration(bomb), catalogueError("guest-initialisation"));
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  });

  it("that is garbage gives an error of the catalogue and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (garbage) => {
        for (const compressed of [garbage, gzipSync(garbage)]) {
          try {
            await decodeConfiguration(compressed);
          } catch (error) {
            assert.ok(error instanceof TetherError && error.code === "guest-initialisation", String(error));
          }
        }
      }),
    );
  });

  it("that is damaged anywhere never gives an unchecked session", async () => {
    const whole = tether.config.Config.encode({
      version: 1,
      id: start.id,
      hostname: "box",
      session: { args: [bytes("/bin/true")], workingDirectory: bytes("/tmp") },
      link: linkOf(keys),
    }).finish();
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (position, value) => {
        const damaged = Buffer.from(whole);
        damaged[position] = value;
        try {
          const { session, id } = await decodeConfiguration(damaged);
          assert.match(id, /^[0-9a-f]{64}$/);
          assert.ok(session.args.length > 0 && session.args.every((arg) => !arg.includes(0)));
          assert.equal(session.workingDirectory?.[0], 0x2f);
        } catch (error) {
          assert.ok(error instanceof TetherError && error.code === "guest-initialisation", String(error));
        }
      }),
    );
  });
});
