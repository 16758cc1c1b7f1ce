import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorReference } from "../../../scripts/docs/error-reference.ts";

const root = join(import.meta.dirname, "../../..");

describe("docs/reference", () => {
  it("lists the errors as the catalogue has them (else run npm run docs)", () => {
    assert.equal(readFileSync(join(root, "docs/reference/errors.md"), "utf8"), errorReference());
  });
});
