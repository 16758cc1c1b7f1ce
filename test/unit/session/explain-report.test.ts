import assert from "node:assert/strict";
import fc from "fast-check";
import { explainReport } from "../../../src/session/launcher.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";

const report = (step: string, name: string, detail: string): TetherError =>
  explainReport(Buffer.from(`${step}\x002\0${name}\0${detail}\0`));

describe("a launch that failed", () => {
  const table: ReadonlyArray<readonly [readonly [string, string, string], number, string]> = [
    [["lookup", "ENOENT", "nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'],
    [
      ["lookup", "ENOENT", "/bin/nosuch"],
      127,
      'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory',
    ],
    [
      ["lookup", "ENOTDIR", "/etc/passwd/x"],
      127,
      'exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory',
    ],
    [["lookup", "EACCES", "/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'],
    [["lookup", "EACCES", "tool"], 126, 'exec: "tool": permission denied'],
    [["lookup", "EISDIR", "/tmp"], 126, 'exec: "/tmp": is a directory'],
    [["execute", "ENOEXEC", "/app"], 126, 'exec: "/app": exec format error'],
    [["execute", "ENOENT", "/app"], 126, 'exec: "/app": no such file or directory'],
    [["execute", "E2BIG", "/app"], 126, 'exec: "/app": argument list too long'],
    [["working-directory", "EACCES", "/data"], 126, 'working directory "/data": permission denied'],
    [["make-working-directory", "ENOTDIR", "/f/d"], 126, 'working directory "/f/d": not a directory'],
    [
      ["rlimit", "EPERM", "nofile:1:1"],
      126,
      "launching the process failed at rlimit: operation not permitted (nofile:1:1)",
    ],
    [["groups", "EWHATEVER", ""], 126, "launching the process failed at groups: EWHATEVER"],
  ];
  for (const [[step, name, detail], exitCode, message] of table) {
    it(`at ${step} with ${name} of ${detail || "nothing"} ends with ${exitCode} and says why`, () => {
      const error = report(step, name, detail);
      assert.equal(error.message, message);
      assert.equal(error.entry.exitCode, exitCode);
    });
  }

  it("gives an error of the catalogue for a report that is cut off or garbage", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        assert.ok(explainReport(Buffer.from(bytes)) instanceof TetherError);
      }),
    );
  });
});
