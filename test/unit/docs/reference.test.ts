import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { configurationReference } from "../../../scripts/docs/configuration-reference.ts";
import { errorReference } from "../../../scripts/docs/error-reference.ts";
import { metricsReference } from "../../../scripts/docs/metrics-reference.ts";

const root = join(import.meta.dirname, "../../..");

describe("docs/reference", () => {
  it("lists the errors as the catalogue has them (else run npm run docs)", () => {
    assert.equal(readFileSync(join(root, "docs/reference/errors.md"), "utf8"), errorReference());
  });

  it("lists the metrics as the exporter has them (else run npm run docs)", () => {
    assert.equal(readFileSync(join(root, "docs/reference/metrics.md"), "utf8"), metricsReference());
  });

  it("describes every field of the configuration as proto/config.proto does (else run npm run docs)", () => {
    const text = readFileSync(join(root, "docs/reference/configuration.md"), "utf8");
    assert.equal(text, configurationReference());
    const proto = readFileSync(join(root, "proto/config.proto"), "utf8");
    const fields = [...proto.matchAll(/^ +(?:repeated )?\w[\w.<>, ]* (\w+) = \d+;$/gm)].map(
      (match) => match[1],
    );
    const missing = fields.filter((field) => !text.includes(`| \`${field}\` |`));
    assert.deepEqual(missing, []);
    assert.ok(fields.length > 100);
  });
});
