import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { ConfigurationSource } from "../../src/tether/configuration/configuration-source.ts";
import { readMessage } from "../../src/protocol/configuration/document.ts";
import { TetherError } from "../../src/protocol/errors/index.ts";

/** One kind of source, and the machine around it. */
export interface SourceUnderTest extends Disposable {
  readonly source: ConfigurationSource;
  /** Puts a document where the source looks, as its host does; undefined takes it away. */
  put(document: Uint8Array | undefined): void;
  /** Spoils what was put there. */
  spoil(): void;
}

/** What every source of the configuration promises. */
export function describeConfigurationSource(name: string, make: () => SourceUnderTest): void {
  describe(`the configuration in ${name}`, () => {
    let tested: SourceUnderTest;
    beforeEach(() => {
      tested = make();
    });
    afterEach(() => tested[Symbol.dispose]());

    const documents: [what: string, document: Uint8Array][] = [
      ["a small document", Buffer.from("a document")],
      ["bytes of every value", Uint8Array.from({ length: 256 }, (_, index) => index)],
      ["a document of 200 KiB that cannot be compressed", noise(200 * 1024)],
    ];
    for (const [what, document] of documents) {
      it(`gives ${what} as it was put there`, async () => {
        tested.put(gzipSync(document));
        assert.deepEqual(await message(tested.source), Buffer.from(document));
      });
    }

    it("gives a newer document when it is asked again", async () => {
      tested.put(gzipSync("one"));
      await tested.source.read();
      tested.put(gzipSync("two"));
      assert.deepEqual(await message(tested.source), Buffer.from("two"));
    });

    it("is undefined where there is none", async () => {
      tested.put(undefined);
      assert.equal(await tested.source.read(), undefined);
    });

    it("names itself on one line", () => assert.match(tested.source.name, /^[\x20-\x7e]{5,100}$/));

    it("names what is wrong with one that is spoilt", async () => {
      tested.put(gzipSync("a document"));
      tested.spoil();
      await assert.rejects(message(tested.source), TetherError);
    });
  });
}

/** The document's protobuf, as the agent comes to it. */
async function message(source: ConfigurationSource): Promise<Buffer> {
  const document = await source.read();
  assert.ok(document !== undefined);
  return Buffer.from(await readMessage(document));
}

/** Deterministic, so that a failure comes again. */
function noise(length: number): Buffer {
  let state = 1;
  const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24;
  return Buffer.from(Uint8Array.from({ length }, next));
}
