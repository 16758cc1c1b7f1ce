import { strict as assert } from "node:assert";
import { Problems } from "../../../../src/protocol/configuration/problems.ts";

describe("the problems of a document", () => {
  it("are named by the path of their field", () => {
    const problems = new Problems();
    problems.at("id").add("is empty");
    problems.at("interfaces").at(1).at("addresses").at(0).add("has no prefix length");
    assert.deepEqual(problems.found, [
      { path: "id", reason: "is empty" },
      { path: "interfaces[1].addresses[0]", reason: "has no prefix length" },
    ]);
  });
});
