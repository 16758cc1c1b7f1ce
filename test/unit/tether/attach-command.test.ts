import assert from "node:assert/strict";
import { parseAttach } from "../../../src/tether/attach-command.ts";

const EXEC = "0123456789abcdef".repeat(4);

describe("an attach command", () => {
  it("names the session, the bytes that the client has had, and whether the process waits for it", () => {
    const main = { sessionId: "", output: 0, errorOutput: 0, kind: "follow" };
    assert.deepEqual(parseAttach("attach"), main);
    assert.deepEqual(parseAttach("attach hold"), { ...main, kind: "hold" });
    assert.deepEqual(parseAttach("attach 12 345"), { ...main, output: 12, errorOutput: 345 });
    assert.deepEqual(parseAttach(`attach ${EXEC}`), { ...main, sessionId: EXEC });
    assert.deepEqual(parseAttach(`attach ${EXEC} 7 999999999999999 hold`), {
      sessionId: EXEC,
      output: 7,
      errorOutput: 999_999_999_999_999,
      kind: "hold",
    });
  });

  it("is nothing else", () => {
    const refused = [
      "",
      "attach ",
      "attach 1",
      "attach 1 2 ",
      "attach 1 2 3",
      "attach 0x1 2",
      "attach 1\n2",
      "attach\n",
      "Attach",
      "attached",
      "attach hold 1 2",
      "attach holdx",
      "attach  hold",
      "attach 1234567890123456 0",
      `attach ${EXEC.toUpperCase()}`,
      `attach ${EXEC.slice(1)}`,
      `attach ${EXEC}0`,
      `attach 1 2 ${EXEC}`,
    ];
    for (const text of refused) assert.equal(parseAttach(text), undefined, text);
  });
});
