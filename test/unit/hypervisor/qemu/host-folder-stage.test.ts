import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MachineFolder } from "../../../../src/hypervisor/index.ts";
import {
  FILE_FOLDER,
  mountsBelow,
  requirePropagation,
  STAGE,
  stagedCommand,
} from "../../../../src/hypervisor/qemu/host-folder-stage.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const FOLDER: Omit<MachineFolder, "source"> = {
  ...{ tag: "x", isFile: false, isReadOnly: false, isRecursive: true, followsMounts: false },
};

describe("the stage of a folder that is shared with a container VM", () => {
  const temporary = useTemporaryFolder();
  /** Has a shell look at the stage. */
  const look = (folder: MachineFolder, script: string): string => {
    mkdirSync(join(temporary.path, FILE_FOLDER), { recursive: true });
    const [command, ...args] = stagedCommand(folder, ["sh", "-c", `{ ${script}; } 2>&1 || true`]);
    return execFileSync(command, args, { cwd: temporary.path, encoding: "utf8" });
  };
  /** A name that a shell, an option or a list of options would take for something else. */
  const NAME = "-$(touch x) a,b'\"\\ \n;";
  let source: string;

  beforeEach(() => {
    source = join(temporary.path, NAME);
    mkdirSync(join(source, "sub"), { recursive: true });
    writeFileSync(join(source, "one"), "1");
    writeFileSync(join(source, "two"), "2");
  });

  it("has the folder, whatever its name is, and is nobody else's", () => {
    assert.equal(look({ ...FOLDER, source }, `ls ${STAGE}; touch ${STAGE}/made`), "one\nsub\ntwo\n");
    assert.ok(readdirSync(source).includes("made"));
    assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(temporary.path));
    assert.deepEqual(readdirSync(temporary.path).sort(), [NAME, FILE_FOLDER].sort());
  });

  it("has one file alone, in a folder that nobody can write to", () => {
    const file = { ...FOLDER, source: join(source, "one"), isFile: true };
    const script = `cd ${STAGE}; ls -A; printf 3 > file; touch other; rm -f file; mv file x`;
    const said = look(file, script);
    assert.match(said, /^file\n/);
    assert.match(said, /other.*Read-only file system/);
    assert.equal(readFileSync(join(source, "one"), "utf8"), "3");
    const closed = look({ ...file, isReadOnly: true }, `cat ${STAGE}/file; echo 4 > ${STAGE}/file`);
    assert.match(closed, /^3.*Read-only file system/);
  });

  it("is read-only with all that is mounted below, or has nothing of that", () => {
    const script = `
      mount -t tmpfs below "$1/sub" && touch "$1/sub/deep"
      shift; exec "$@"`;
    const inNamespace = (folder: MachineFolder, question: string): string => {
      // Where it is mounted is only known to the namespace of the question.
      const program = ["sh", "-c", `{ ${question}; } 2>&1 || true`];
      const code = `
        import { stagedCommand } from ${JSON.stringify(join(import.meta.dirname, "../../../../src/hypervisor/qemu/host-folder-stage.ts"))};
        import { execFileSync } from "node:child_process";
        const [command, ...args] = stagedCommand(${JSON.stringify(folder)}, ${JSON.stringify(program)});
        execFileSync(command, args, { stdio: "inherit" });`;
      const node = [process.execPath, "--input-type=module", "-e", code];
      return execFileSync("unshare", ["--mount", "sh", "-c", script, "sh", source, ...node], {
        cwd: temporary.path,
        encoding: "utf8",
      });
    };
    const write = `ls ${STAGE}/sub; touch ${STAGE}/x; touch ${STAGE}/sub/x`;
    const closed = inNamespace({ ...FOLDER, source, isReadOnly: true }, write);
    assert.match(closed, /^deep\n.*\/x.*Read-only.*\n.*sub\/x.*Read-only/);
    const flat = inNamespace({ ...FOLDER, source, isRecursive: false }, `ls ${STAGE}/sub`);
    assert.equal(flat, "");
  });

  it("says what is wrong", () => {
    symlinkSync("nowhere", join(source, "dangling"));
    assert.throws(() => look({ ...FOLDER, source: join(source, "dangling") }, "true"), /mount: /);
  });

  it("knows mounts by the kernel's way to write them", () => {
    const line = (point: string): string =>
      `36 35 98:0 /mnt1 ${point} rw,noatime master:1 - ext3 /dev/root rw`;
    const mounts = ["/", "/a", "/a/b", "/a/b/c\\040d\\011\\012\\134", "/a/bb", "/a/b/c\\303\\251", "/a/b/é"]
      .map((point) => line(Buffer.from(point).toString("latin1")))
      .join("\n");
    assert.deepEqual(mountsBelow("/a/b", mounts), ["c d\t\n\\", "cé", "é"]);
    assert.deepEqual(mountsBelow("/", line("/a")), ["a"]);
    assert.deepEqual(mountsBelow("/none", mounts), []);
  });

  it("follows mounts of this machine only where they propagate", () => {
    const line = (point: string, tags: string): string =>
      `36 35 98:0 / ${point} rw,noatime ${tags}- ext3 /dev/root rw`;
    const mounts = [
      line("/", ""),
      line("/a", "shared:1 "),
      line("/a/b", "unbindable "),
      line("/c", "master:2 "),
    ].join("\n");
    const check = (path: string): void =>
      requirePropagation([{ ...FOLDER, source: path, followsMounts: true }], mounts);
    for (const path of ["/a", "/a/c", "/c"]) check(path);
    for (const path of ["/", "/ab", "/a/b/c"])
      assert.throws(
        () => check(path),
        catalogueError(
          "invalid-option",
          /^path .* is mounted on \/(?:a\/b)? but it is not a shared or slave mount$/,
        ),
      );
    requirePropagation([{ ...FOLDER, source: "/" }], mounts);
  });
});
