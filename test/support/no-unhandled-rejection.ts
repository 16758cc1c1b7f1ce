import type { RootHookObject } from "mocha";

const rejections: unknown[] = [];
process.on("unhandledRejection", (reason) => rejections.push(reason));

/** A rejection that nobody handled ends a program, so it fails the test during which it was seen; mocha lets it pass. */
export const mochaHooks: RootHookObject = {
  async afterEach() {
    // Node reports a rejection once the turn in which it was made is over.
    await new Promise((resolve) => setImmediate(resolve));
    const [first] = rejections.splice(0);
    if (first !== undefined) throw new Error("a rejection that nobody handled", { cause: first });
  },
};
