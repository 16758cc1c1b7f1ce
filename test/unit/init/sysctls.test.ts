import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { writeSysctls } from "../../../src/init/sysctls.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("kernel parameters", () => {
  const folder = useTemporaryFolder();
  const root = () => join(folder.path, "sys");
  const read = (path: string): string => readFileSync(join(root(), path), "utf8");
  beforeEach(() => {
    mkdirSync(join(root(), "net/ipv4/conf/eth0.100"), { recursive: true });
    writeFileSync(join(root(), "net/ipv4/ip_forward"), "");
    writeFileSync(join(root(), "net/ipv4/conf/eth0.100/forwarding"), "");
    writeFileSync(join(folder.path, "secret"), "");
  });

  it("are written under their names, dots or slashes between the parts", () => {
    writeSysctls([["net.ipv4.ip_forward", "1"]], root());
    assert.equal(read("net/ipv4/ip_forward"), "1");
    writeSysctls([["net/ipv4/ip_forward", "2"]], root());
    assert.equal(read("net/ipv4/ip_forward"), "2");
    for (const [index, name] of [
      "net.ipv4.conf.eth0/100.forwarding",
      "net/ipv4/conf/eth0.100/forwarding",
    ].entries()) {
      writeSysctls([[name, String(index)]], root());
      assert.equal(read("net/ipv4/conf/eth0.100/forwarding"), String(index));
    }
  });

  it("that do not exist are named, and not made", () => {
    const message = /^sysctl net\.nosuch=1: no such file or directory$/;
    assert.throws(
      () => writeSysctls([["net.nosuch", "1"]], root()),
      catalogueError("guest-initialisation", message),
    );
    assert.deepEqual(readdirSync(join(root(), "net")), ["ipv4"]);
    const folderMessage = /^sysctl net\.ipv4=1: is a directory$/;
    assert.throws(
      () => writeSysctls([["net.ipv4", "1"]], root()),
      catalogueError("guest-initialisation", folderMessage),
    );
  });

  it("never lead out of /proc/sys", () => {
    for (const name of [
      "../secret",
      "net/../../secret",
      "net.//.//secret",
      "/etc/passwd",
      "",
      ".",
      "..",
      "net.",
      "a\0b",
    ]) {
      assert.throws(() => writeSysctls([[name, "x"]], root()), catalogueError("guest-initialisation"), name);
    }
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("/", ".", "..", "secret", "net")).map((parts) => parts.join("")),
        (name) => {
          try {
            writeSysctls([[name, "x"]], root());
          } catch (error) {
            assert.ok(error instanceof TetherError && error.message.startsWith(`sysctl ${name}=x: `));
          }
          assert.equal(readFileSync(join(folder.path, "secret"), "utf8"), "");
        },
      ),
    );
  });
});
