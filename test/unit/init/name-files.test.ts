import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeNameFiles } from "../../../src/init/name-files.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("the container's name files", () => {
  const folder = useTemporaryFolder();

  it("name the container and the loopback, as Docker's do", () => {
    const files = writeNameFiles(join(folder.path, "made/here"), { hostname: "box", extraHosts: [] });
    assert.equal(readFileSync(files.hostname, "utf8"), "box\n");
    assert.equal(
      readFileSync(files.hosts, "utf8"),
      [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "ff00::0\tip6-mcastprefix",
        "ff02::1\tip6-allnodes",
        "ff02::2\tip6-allrouters",
        "127.0.1.1\tbox",
        "",
      ].join("\n"),
    );
    assert.equal(readFileSync(files.resolvConf, "utf8"), "");
  });

  it("have the short name beside a full one", () => {
    const files = writeNameFiles(folder.path, { hostname: "box.example.org", extraHosts: [] });
    assert.match(readFileSync(files.hosts, "utf8"), /^127\.0\.1\.1\tbox\.example\.org box$/m);
  });

  it("have the extra hosts before the container's own line", () => {
    const extraHosts = [
      { address: "10.0.0.1", names: ["db", "db.local"] },
      { address: "fd00::1", names: ["cache"] },
    ];
    const lines = readFileSync(
      writeNameFiles(folder.path, { hostname: "box", extraHosts }).hosts,
      "utf8",
    ).split("\n");
    assert.deepEqual(lines.slice(6, -1), ["10.0.0.1\tdb db.local", "fd00::1\tcache", "127.0.1.1\tbox"]);
  });
});
