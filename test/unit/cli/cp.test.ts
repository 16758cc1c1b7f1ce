import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { addCpCommand, describeBytes, parseCopySide } from "../../../src/cli/cp-command.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";
import { FilesServer } from "../tether/files-server.ts";

describe("vch cp", function () {
  this.timeout(20_000);
  const folder = useTemporaryFolder();
  let server: FilesServer;
  let exitCode: typeof process.exitCode;
  beforeEach(() => {
    mkdirSync(`${folder.path}/root`);
    server = new FilesServer(`${folder.path}/root`);
    exitCode = process.exitCode;
  });
  afterEach(async () => {
    process.exitCode = exitCode;
    await server[Symbol.asyncDispose]();
  });

  /** @returns what was reported. */
  const cp = async (...args: readonly string[]): Promise<string> => {
    let reported = "";
    const program = new Command("vch").exitOverride();
    addCpCommand(program, { reportError: ({ message }) => void (reported += message) }, async (reference) => {
      if (reference !== "c") throw new TetherError("no-such-container", `No such container: ${reference}`);
      const connection = await server.open();
      return { connection, [Symbol.asyncDispose]: () => Promise.resolve(connection.close()) };
    });
    process.exitCode = 0;
    await program.parseAsync(["cp", ...args], { from: "user" });
    assert.equal(process.exitCode, reported === "" ? 0 : 1);
    return reported;
  };

  it("copies there and back", async () => {
    writeFileSync(`${folder.path}/a`, "content");
    assert.equal(await cp("-q", `${folder.path}/a`, "c:/b"), "");
    assert.equal(await cp("c:b", `${folder.path}/back`), "");
    assert.equal(readFileSync(`${folder.path}/back`, "utf8"), "content");
    assert.deepEqual(readdirSync(`${folder.path}/root`), ["b"]);
  });

  it("says in Docker's words what is wrong, with status 1", async () => {
    assert.equal(await cp("a", "b"), "must specify at least one container source");
    assert.equal(await cp("c:a", "c:b"), "copying between containers is not supported");
    assert.equal(await cp("", "c:b"), "source can not be empty");
    assert.equal(await cp("c:a", ""), "destination can not be empty");
    assert.equal(await cp("none:/a", "/tmp"), "No such container: none");
    assert.equal(await cp("c:/none", folder.path), "Could not find the file /none");
    assert.equal(
      await cp(`${folder.path}/none`, "c:/"),
      `lstat ${folder.path}/none: no such file or directory`,
    );
    assert.equal(
      await cp("c:/", `${folder.path}/none/below`),
      `invalid output path: directory "${folder.path}/none" does not exist`,
    );
  });

  it("takes what begins with a slash or a dot for this machine's", () => {
    assert.deepEqual(parseCopySide("c:/a:b"), { container: "c", path: "/a:b" });
    for (const path of ["/a:b", "./a:b", "../a:b", "a", "-"])
      assert.deepEqual(parseCopySide(path), { container: undefined, path });
  });

  it("tells sizes as Docker does", () => {
    for (const [bytes, text] of [
      [0, "0B"],
      [999, "999B"],
      [2048, "2.05kB"],
      [1_000_000, "1MB"],
      [12_345_678_901, "12.3GB"],
    ] as const)
      assert.equal(describeBytes(bytes), text);
  });
});
