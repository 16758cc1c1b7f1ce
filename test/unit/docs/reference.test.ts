import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { configurationReference } from "../../../scripts/docs/configuration-reference.ts";
import { countScenarios, dockerdReference } from "../../../scripts/docs/dockerd-reference.ts";
import { errorReference } from "../../../scripts/docs/error-reference.ts";
import { metricsReference } from "../../../scripts/docs/metrics-reference.ts";
import { DIFFERENCES } from "../../docker/differential/differences.ts";
import { GROUPS } from "../../docker/differential/scenarios/index.ts";

const root = join(import.meta.dirname, "../../..");

describe("docs/reference", () => {
  it("lists the errors as the catalogue has them (else run npm run docs)", () => {
    assert.equal(readFileSync(join(root, "docs/reference/errors.md"), "utf8"), errorReference());
  });

  it("lists the metrics as the exporter has them (else run npm run docs)", () => {
    assert.equal(readFileSync(join(root, "docs/reference/metrics.md"), "utf8"), metricsReference());
  });

  it("lists what is different from dockerd as the differential test has it (else run npm run docs)", () => {
    assert.equal(readFileSync(join(root, "docs/reference/dockerd.md"), "utf8"), dockerdReference());
  });

  it("counts the scenarios in the README as there are", () => {
    const { all, same } = countScenarios();
    assert.ok(all >= 150);
    const names = GROUPS.flatMap(({ scenarios }) => Object.keys(scenarios));
    assert.deepEqual(
      DIFFERENCES.filter(({ question }) => !names.includes(question)),
      [],
    );
    assert.equal(new Set(names).size, names.length, "two scenarios have one name");
    assert.match(readFileSync(join(root, "README.md"), "utf8"), new RegExp(`\\b${same} of ${all}\\b`));
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
