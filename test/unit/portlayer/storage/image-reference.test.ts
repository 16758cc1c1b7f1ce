import assert from "node:assert/strict";

import fc from "fast-check";

import { parseImageReference, type PathProbe } from "../../../../src/portlayer/storage/index.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";

const nothingExists: PathProbe = () => undefined;
const only =
  (paths: Readonly<Record<string, "file" | "folder">>): PathProbe =>
  (path) =>
    paths[path];

describe("parseImageReference", () => {
  const transports: readonly [text: string, expected: object][] = [
    ["oci:dir", { kind: "oci-layout", folder: "dir", tag: undefined }],
    ["oci:/a/b:v1", { kind: "oci-layout", folder: "/a/b", tag: "v1" }],
    ["oci:dir:docker.io/x:1", { kind: "oci-layout", folder: "dir", tag: "docker.io/x:1" }],
    ["oci-archive:x.tar", { kind: "oci-archive", file: "x.tar", tag: undefined }],
    ["oci-archive:x.tar:v1", { kind: "oci-archive", file: "x.tar", tag: "v1" }],
    ["docker-archive:x.tar:a/b:v1", { kind: "docker-archive", file: "x.tar", tag: "a/b:v1" }],
    ["docker://busybox", { kind: "registry", name: "docker.io/library/busybox:latest" }],
    ["dir:/some/where", { kind: "other-transport", transport: "dir", details: "/some/where" }],
    [
      "docker-daemon:busybox:latest",
      { kind: "other-transport", transport: "docker-daemon", details: "busybox:latest" },
    ],
    [
      "containers-storage:busybox",
      { kind: "other-transport", transport: "containers-storage", details: "busybox" },
    ],
  ];
  for (const [text, expected] of transports) {
    it(`reads ${text}`, () =>
      assert.deepEqual(parseImageReference(text, nothingExists), { text, ...expected }));
  }

  const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
  const names: readonly [text: string, name: string][] = [
    ["busybox", "docker.io/library/busybox:latest"],
    ["busybox:1.36", "docker.io/library/busybox:1.36"],
    ["user/app", "docker.io/user/app:latest"],
    ["index.docker.io/user/app", "docker.io/user/app:latest"],
    ["quay.io/a/b/c:v", "quay.io/a/b/c:v"],
    ["localhost/app", "localhost/app:latest"],
    ["localhost:5000/app", "localhost:5000/app:latest"],
    ["[::1]:5000/app:x", "[::1]:5000/app:x"],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
    [`busybox:1@${digest}`, `docker.io/library/busybox@${digest}`],
  ];
  for (const [text, name] of names) {
    it(`completes the name ${text} as Docker does`, () =>
      assert.deepEqual(parseImageReference(text, nothingExists), { kind: "registry", text, name }));
  }

  it("takes the path of a file for a root file system tar", () => {
    const file = "a:b.tar";
    assert.deepEqual(parseImageReference(file, only({ [file]: "file" })), {
      kind: "root-tar",
      text: file,
      file,
    });
  });

  it("takes the path of an OCI layout's folder for that layout", () => {
    const probe = only({ images: "folder", "images/index.json": "file" });
    assert.deepEqual(parseImageReference("images", probe), {
      kind: "oci-layout",
      text: "images",
      folder: "images",
      tag: undefined,
    });
  });

  it("does not let a folder that happens to be called like an image hide the image", () => {
    assert.equal(parseImageReference("redis", only({ redis: "folder" })).kind, "registry");
  });

  it("says that a path names nothing rather than ask a registry for it", () => {
    for (const text of ["./x.tar", "/no/such", "../x", "..", "."]) {
      assert.throws(() => parseImageReference(text, nothingExists), { code: "image-not-found" });
    }
  });

  const invalid = [
    "",
    "a\0b",
    "oci:",
    "oci::tag",
    "oci:dir:",
    "oci-archive:",
    "docker://",
    "docker://UPPER",
    "UPPER",
    "-x",
    "a b",
    "a//b",
    "busybox:",
    "busybox:a:b",
    "busybox@sha256:12",
    `a@${digest}@${digest}`,
    "http://x/y",
    "dir:",
    "a/",
    "/a\0",
    "a".repeat(300),
    "quay.io/",
    "x\ny",
  ];
  for (const text of invalid) {
    it(`refuses ${JSON.stringify(text.slice(0, 30))} in one line`, () =>
      assert.throws(
        () => parseImageReference(text, nothingExists),
        (error) =>
          error instanceof TetherError &&
          error.code === "invalid-image-reference" &&
          !error.message.includes("\n"),
      ));
  }

  it("answers any text with a reference that keeps the text, or with a catalogue error of one line", () => {
    const word = fc.oneof(
      fc.constantFrom("oci", "docker", "docker-archive", ":", "/", "//", "@", ".", "a"),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 6 }),
        fc.constantFrom("file", "folder", undefined),
        (words, found) => {
          const text = words.join("");
          try {
            assert.equal(parseImageReference(text, () => found).text, text);
          } catch (error) {
            assert(error instanceof TetherError, String(error));
            assert(["invalid-image-reference", "image-not-found"].includes(error.code));
            assert(!/[\n\r\0]/.test(error.message), error.message);
          }
        },
      ),
    );
  });

  it("gives a completed name that completes to itself", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 3 }),
        fc.option(part, { nil: undefined }),
        (parts, tag) => {
          const once = parseImageReference(
            `${parts.join("/")}${tag === undefined ? "" : `:${tag}`}`,
            nothingExists,
          );
          assert(once.kind === "registry");
          const twice = parseImageReference(`docker://${once.name}`, nothingExists);
          assert(twice.kind === "registry" && twice.name === once.name);
        },
      ),
    );
  });
});
