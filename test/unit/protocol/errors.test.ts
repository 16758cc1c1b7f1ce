import assert from "node:assert/strict";
import { ERROR_CATALOGUE, isErrorCode, TetherError } from "../../../src/protocol/errors/index.ts";

describe("the error catalogue", () => {
  it("has exit statuses that a shell can show and HTTP statuses of errors", () => {
    for (const [code, { exitCode, httpStatus }] of Object.entries(ERROR_CATALOGUE)) {
      assert.ok(exitCode > 0 && exitCode < 128, code);
      assert.ok(httpStatus >= 400 && httpStatus < 600, code);
    }
  });

  it("has Docker's exit statuses for a command that is missing or cannot be executed", () => {
    assert.equal(new TetherError("command-not-found", "x").entry.exitCode, 127);
    assert.equal(new TetherError("command-not-executable", "x").entry.exitCode, 126);
    assert.equal(new TetherError("name-in-use", "x").entry.httpStatus, 409);
  });

  it("counts as unknown what only looks like a code", () => {
    for (const text of ["", "constructor", "__proto__", "Usage", "usage "])
      assert.equal(isErrorCode(text), false, text);
    assert.equal(isErrorCode("usage"), true);
  });
});

describe("an error that crosses a border", () => {
  it("stays itself when it is one of the catalogue's", () => {
    const error = new TetherError("no-space", "the disk is full");
    assert.equal(TetherError.from(error, "internal", "writing"), error);
  });

  it("keeps its message behind what was being done, and itself as the cause", () => {
    const cause = new Error("ENOENT: no such file");
    const error = TetherError.from(cause, "not-set-up", "reading the kernel");
    assert.equal(error.message, "reading the kernel: ENOENT: no such file");
    assert.equal(error.code, "not-set-up");
    assert.equal(error.cause, cause);
  });

  it("may be anything that can be thrown", () => {
    for (const thrown of [undefined, null, 7, "text"]) {
      const error = TetherError.from(thrown, "internal", "doing it");
      assert.equal(error.message, `doing it: ${String(thrown)}`);
      assert.equal(error.cause, thrown);
    }
  });
});
