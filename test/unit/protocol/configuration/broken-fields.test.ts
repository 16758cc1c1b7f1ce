import assert from "node:assert/strict";
import fc from "fast-check";
import { problemsOf } from "../../../../src/protocol/configuration/problems-of.ts";
import { configSchema } from "../../../../src/protocol/generated/config-schema.js";
import { anyValidDocument } from "../../../support/configuration/any-valid-document.ts";
import { breakagesOf } from "../../../support/configuration/breakages.ts";
import { type Document, fullDocument } from "../../../support/configuration/valid-document.ts";

/** What is wrong as well, since it depends on what was broken: gateways on the networks that they are in. */
const CONSEQUENCES: ReadonlyArray<readonly [RegExp, RegExp]> = [
  [/^interfaces\[\d+\]\.addresses\[\d+\]$/, /^interfaces\[\d+\]\.(gateway[46]|routes\[\d+\]\.gateway)$/],
  [/^interfaces\[\d+\]\.routes\[\d+\]\.destination$/, /^interfaces\[\d+\]\.routes\[\d+\]\.gateway$/],
  // Without one that SLAAC is known to be, IPv6 is by another method.
  [/^interfaces\[\d+\]\.ipv[46]\.method$/, /^interfaces\[\d+\]\.gateway[46]$/],
];

const pathsIn = async (document: Document): Promise<string[]> =>
  (await problemsOf(document)).map(({ path }) => path);

async function assertFound(broken: { readonly path: string; readonly document: Document }): Promise<void> {
  const found = await pathsIn(broken.document);
  const allowed = CONSEQUENCES.find(([cause]) => cause.test(broken.path))?.[1];
  const others = found.filter((path) => path !== broken.path && allowed?.test(path) !== true);
  assert.ok(found.includes(broken.path), `${broken.path} was not found, but ${found.join(", ")}`);
  assert.deepEqual(others, [], `beside ${broken.path}`);
}

describe("what is broken in a document", function () {
  this.timeout(120_000);

  it("is found with exactly its path: one field of each of 10,000 documents that are in order", async () => {
    await fc.assert(
      fc.asyncProperty(anyValidDocument, fc.nat(), async (document, choice) => {
        const breakages = breakagesOf(document);
        const broken = breakages[choice % breakages.length]?.();
        if (broken !== undefined) await assertFound(broken);
      }),
      { numRuns: 10_000 },
    );
  });

  it("is found in every field that can be wrong", async () => {
    const document = fullDocument();
    assert.deepEqual(await pathsIn(document), []);
    for (const breakage of breakagesOf(document)) await assertFound(breakage());
  });

  it("is looked for in a document that has every field of proto/config.proto", () => {
    const all = Object.entries(configSchema.messages).flatMap(([name, { fields }]) =>
      fields.map((field) => `${name}.${field.name}`),
    );
    const there = fieldsThere("Config", fullDocument());
    // A template's document has nothing else.
    assert.deepEqual(
      all.filter((field) => !there.has(field)),
      ["Config.template"],
    );
  });
});

/** As `Message.field`. */
function fieldsThere(name: string, message: object): Set<string> {
  const there = new Set<string>();
  for (const { property, name: field, of } of configSchema.messages[name]?.fields ?? []) {
    const value: unknown = Reflect.get(message, property);
    if (value === undefined || value === null) continue;
    there.add(`${name}.${field}`);
    const below = of !== undefined && of in configSchema.messages ? [value].flat() : [];
    for (const each of below) for (const found of fieldsThere(of ?? "", Object(each))) there.add(found);
  }
  return there;
}
