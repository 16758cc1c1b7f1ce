import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ContainerIdFile } from "../../../src/cli/container-id-file.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("a container id file", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "id");

  it("has the id and nothing else", () => {
    {
      using file = new ContainerIdFile(path());
      file.write("abc");
    }
    assert.equal(readFileSync(path(), "utf8"), "abc");
  });

  it("goes when no container was made", () => {
    {
      using _file = new ContainerIdFile(path());
      assert.ok(existsSync(path()));
    }
    assert.ok(!existsSync(path()));
  });

  it("of another container is left alone", () => {
    writeFileSync(path(), "other");
    assert.throws(
      () => new ContainerIdFile(path()),
      catalogueError("invalid-option", /^container ID file found, make sure .* or delete .*id$/),
    );
    assert.equal(readFileSync(path(), "utf8"), "other");
  });

  it("is refused where none can be made", () => {
    assert.throws(
      () => new ContainerIdFile(join(folder.path, "no/such")),
      catalogueError("invalid-option", /^failed to create the container ID file: .*ENOENT/),
    );
  });

  it("is none without a path", () => {
    using file = new ContainerIdFile(undefined);
    file.write("abc");
  });
});
