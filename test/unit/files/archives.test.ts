import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { linux } from "../system/linux.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";
import { archiveOf, entry, pack, tar, unpack } from "./trees.ts";

const MEBIBYTE = 1024 * 1024;
const isRoot = process.getuid?.() === 0;

/** A tree with everything that an archive can hold, as far as this user may make it. */
function makeTree(top: string): void {
  mkdirSync(`${top}/folder/empty`, { recursive: true });
  writeFileSync(`${top}/folder/file`, "content\n");
  writeFileSync(`${top}/folder/nothing`, "");
  writeFileSync(`${top}/folder/${"long".repeat(60)}`, "long");
  symlinkSync("x".repeat(200), `${top}/folder/long-link`);
  writeFileSync(Buffer.from(`${top}/folder/\xff\xfe`, "latin1"), "no UTF-8");
  writeFileSync(`${top}/folder/ü\n`, "newline");
  symlinkSync("../../../etc/passwd", `${top}/folder/link`);
  linkSync(`${top}/folder/file`, `${top}/folder/other-name`);
  execFileSync("mkfifo", [`${top}/folder/fifo`]);
  writeFileSync(`${top}/folder/sparse`, "");
  truncateSync(`${top}/folder/sparse`, 20 * MEBIBYTE);
  execFileSync(
    "sh",
    [
      "-c",
      `printf data | dd of=sparse bs=1 seek=${4 * MEBIBYTE} conv=notrunc 2>/dev/null
     printf end | dd of=sparse bs=1 seek=${9 * MEBIBYTE} conv=notrunc 2>/dev/null
     touch -d '2001-02-03 04:05:06.123456789' file folder; touch -hd '1969-12-31 23:59:58 UTC' link`,
    ],
    { cwd: `${top}/folder` },
  );
  attributeOf(`${top}/folder/file`, (file) =>
    linux.setAttribute(file, "user.note", Buffer.from([97, 61, 0, 10, 255])),
  );
  chmodSync(`${top}/folder/nothing`, 0o4751);
  chmodSync(`${top}/folder/empty`, 0o1777);
  if (!isRoot) return;
  execFileSync("mknod", [`${top}/folder/device`, "c", "1", "3"]);
  execFileSync("mknod", [`${top}/folder/disk`, "b", "259", "70000"]);
  chownSync(`${top}/folder/nothing`, 12345, 3_000_000);
  chmodSync(`${top}/folder/nothing`, 0o4751);
}

/** What a tree looks like: everything that must survive. */
function look(top: string): string {
  const script = `find . -printf '%P|%y|%m|%U|%G|%T@|%l|%n|' \\( -type f -printf '%s' -o -true \\) -printf '\\n' | sort
    find . -type f -exec sha256sum {} + | sort
    find . \\( -type c -o -type b \\) -exec stat -c '%n %t %T' {} + | sort
  `;
  const listing = execFileSync("sh", ["-c", script], {
    cwd: top,
    env: { ...process.env, LC_ALL: "C" },
  }).toString();
  const note = attributeOf(`${top}/file`, (file) => linux.getAttribute(file, "user.note"));
  return `${listing}${Buffer.from(note).toString("hex")}`;
}

function attributeOf<Result>(path: string, use: (descriptor: number) => Result): Result {
  const descriptor = openSync(path, 0o10000000);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

describe("archives of a container's files", function () {
  this.timeout(30_000);
  const folder = useTemporaryFolder();
  let from: string;
  let to: string;
  beforeEach(() => {
    [from, to] = [`${folder.path}/from`, `${folder.path}/to`];
    mkdirSync(from);
    mkdirSync(to);
  });
  const same = (): void => {
    assert.equal(look(`${to}/folder`), look(`${from}/folder`));
    const { blocks, size } = statSync(`${to}/folder/sparse`);
    assert.ok(blocks * 512 < size / 4, `${blocks} blocks for ${size} bytes`);
    assert.equal(statSync(`${to}/folder/file`).ino, statSync(`${to}/folder/other-name`).ino);
  };

  it("keep everything from container to container", async () => {
    makeTree(from);
    await unpack(to, "/", await pack(from, "/folder"));
    same();
  });

  it("are read by GNU tar", async () => {
    makeTree(from);
    tar(["-x", "-p", "--xattrs", "--numeric-owner", "-C", to], await pack(from, "/folder"));
    same();
  });

  it("are read by libarchive", async () => {
    makeTree(from);
    execFileSync("bsdtar", ["-x", "-p", "--numeric-owner", "-C", to], { input: await pack(from, "/folder") });
    same();
  });

  for (const format of ["pax", "gnu"])
    for (const version of format === "pax" ? ["0.0", "0.1", "1.0"] : ["1.0"])
      it(`are read from GNU tar: ${format}, sparse ${version}, in any pieces`, async () => {
        makeTree(from);
        const archive = tar([
          ...["-c", `--format=${format}`, "--sparse", `--sparse-version=${version}`],
          ...(format === "pax" ? ["--xattrs"] : []),
          ...["-C", from, "folder"],
        ]);
        for (const pieceBytes of [511, 100_000]) {
          execFileSync("rm", ["-rf", `${to}/folder`]);
          await unpack(to, "/", archive, { pieceBytes });
          if (format === "pax") same();
          else assert.deepEqual(readdirSync(`${to}/folder`), readdirSync(`${from}/folder`));
          assert.ok(readFileSync(`${to}/folder/sparse`).equals(readFileSync(`${from}/folder/sparse`)));
        }
      });

  for (const format of ["v7", "ustar"])
    it(`are read from GNU tar: ${format}`, async () => {
      mkdirSync(`${from}/folder`);
      writeFileSync(`${from}/folder/file`, "content\n");
      await unpack(to, "/", tar(["-c", `--format=${format}`, "-C", from, "folder"]));
      assert.equal(readFileSync(`${to}/folder/file`, "utf8"), "content\n");
    });

  it("hold sizes beyond 8 GiB, as holes", async () => {
    const size = 9 * 1024 * MEBIBYTE + 5;
    writeFileSync(`${from}/big`, "");
    truncateSync(`${from}/big`, size);
    const archive = await pack(from, "/big");
    assert.ok(archive.length < 100_000);
    await unpack(to, "/", archive);
    assert.equal(statSync(`${to}/big`).size, size);
    assert.match(tar(["-tv"], archive).toString(), new RegExp(` ${size} `));
  });

  it("are named as Docker names them", async () => {
    mkdirSync(`${from}/a/b`, { recursive: true });
    writeFileSync(`${from}/a/b/c`, "");
    symlinkSync("a/b", `${from}/link`);
    const names = async (path: string): Promise<string[]> =>
      tar(["-t"], await pack(from, path))
        .toString()
        .split("\n")
        .filter(Boolean)
        .sort();
    assert.deepEqual(await names("/a/b"), ["b/", "b/c"]);
    assert.deepEqual(await names("a/b/"), ["b/", "b/c"]);
    assert.deepEqual(await names("/a/b/."), ["./", "./c"]);
    assert.deepEqual(await names("/a/../a/b/c"), ["c"]);
    assert.deepEqual(await names("/link"), ["link"]);
    assert.deepEqual(await names("/link/"), ["link/", "link/c"]);
    assert.deepEqual(await names("/"), ["./", "./a/", "./a/b/", "./a/b/c", "./link"]);
    assert.deepEqual(await names("/../../a/b/c"), ["c"]);
  });

  it("leave sockets out", async () => {
    mkdirSync(`${from}/folder`);
    const server = createServer().listen(`${from}/folder/socket`);
    try {
      assert.equal(tar(["-t"], await pack(from, "/folder")).toString(), "folder/\n");
    } finally {
      server.close();
    }
  });

  it("say what is not there", async () => {
    await assert.rejects(pack(from, "/none"), { code: "file-not-found" });
    await assert.rejects(pack(from, "/none/below"), {
      code: "file-not-found",
      message: "Could not find the file /none/below",
    });
    writeFileSync(`${from}/file`, "");
    await assert.rejects(pack(from, "/file/"), {
      code: "file-not-found",
      message: "/file/ is not a directory",
    });
    await assert.rejects(unpack(from, "/file", archiveOf()), { code: "file-not-found" });
  });

  it("replace what is in the way, unless directories are to be kept", async () => {
    mkdirSync(`${to}/a/deep/er`, { recursive: true });
    writeFileSync(`${to}/b`, "");
    const overA = archiveOf([entry({ name: "a" }), "file"]);
    const overB = archiveOf([entry({ name: "b/", kind: "directory", mode: 0o700 })]);
    await assert.rejects(unpack(to, "/", overA, { keepsDirectories: true }), {
      message: 'cannot overwrite directory "a" with non-directory "a"',
    });
    await assert.rejects(unpack(to, "/", overB, { keepsDirectories: true }), {
      message: 'cannot overwrite non-directory "b/" with directory "b/"',
    });
    await unpack(to, "/", overA);
    await unpack(to, "/", overB);
    assert.equal(readFileSync(`${to}/a`, "utf8"), "file");
    assert.equal(statSync(`${to}/b`).mode & 0o7777, 0o700);
  });

  it("make files another's when asked to", async function () {
    if (!isRoot) this.skip();
    await unpack(to, "/", archiveOf([entry({ name: "x", uid: 7 })]), { owner: { uid: 1234, gid: 99 } });
    assert.deepEqual([statSync(`${to}/x`).uid, statSync(`${to}/x`).gid], [1234, 99]);
  });

  it("name the member that cannot be unpacked", async () => {
    const archive = archiveOf([entry({ name: `folder/${"x".repeat(300)}` })]);
    await assert.rejects(unpack(to, "/", archive), /^TetherError: folder\/xxx.*ENAMETOOLONG/);
  });

  it("keep memory and descriptors constant for many members", async () => {
    const members = Array.from(
      { length: 5000 },
      (_, index) => [entry({ name: `d/${index % 7}/${index}` }), "x"] as const,
    );
    const before = readdirSync("/proc/self/fd").length;
    await unpack(to, "/", archiveOf(...members));
    assert.equal(readdirSync("/proc/self/fd").length, before);
    assert.equal(readdirSync(`${to}/d/3`).length, 714);
    await pack(to, "/d");
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });

  it("set the time of a folder though its members came later", async () => {
    const modifiedNs = 1_000_000_000_123_456_789n;
    await unpack(
      to,
      "/",
      archiveOf(
        [entry({ name: "d/", kind: "directory", modifiedNs, mode: 0o755 })],
        [entry({ name: "d/x" })],
      ),
    );
    assert.equal(statSync(`${to}/d`, { bigint: true }).mtimeNs, modifiedNs);
  });

  it("follow a link of the container's own on the way, within the container", async () => {
    mkdirSync(`${to}/usr/lib`, { recursive: true });
    symlinkSync("usr/lib", `${to}/lib`);
    symlinkSync("/usr/lib", `${to}/absolute`);
    symlinkSync("../../../../../usr", `${to}/up`);
    await unpack(
      to,
      "/",
      archiveOf([entry({ name: "lib/a" })], [entry({ name: "absolute/b" })], [entry({ name: "up/c" })]),
    );
    assert.deepEqual(readdirSync(`${to}/usr/lib`), ["a", "b"]);
    assert.deepEqual(readdirSync(`${to}/usr`).sort(), ["c", "lib"]);
    assert.equal(readlinkSync(`${to}/lib`), "usr/lib");
    assert.ok(lstatSync(`${to}/lib`).isSymbolicLink());
    assert.ok(!existsSync("/usr/c"));
  });
});
