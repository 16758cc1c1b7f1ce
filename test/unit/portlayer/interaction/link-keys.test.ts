import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { makeKeyPair, makeLinkKeys } from "../../../../src/portlayer/interaction/link-keys.ts";

describe("the keys of a link", () => {
  it("can be read, every one of two thousand, and belong together", () => {
    for (let count = 0; count < 2000; count++) {
      const pair = makeKeyPair();
      const privateKey = ssh2.utils.parseKey(pair.private);
      const publicKey = ssh2.utils.parseKey(pair.public);
      assert.ok(!(privateKey instanceof Error) && !(publicKey instanceof Error), pair.private);
      assert.deepEqual(privateKey.getPublicSSH(), publicKey.getPublicSSH());
      if (count % 100 > 0) continue;
      const signature = privateKey.sign("text");
      assert.equal(publicKey.verify("text", signature), true);
    }
  });

  it("are OpenSSH's own format", () => {
    const folder = mkdtempSync(join(tmpdir(), "link-keys-"));
    try {
      const pair = makeKeyPair();
      writeFileSync(join(folder, "key"), pair.private, { mode: 0o600 });
      const seen = execFileSync("ssh-keygen", ["-y", "-f", join(folder, "key")], { encoding: "utf8" });
      assert.equal(seen.trim(), pair.public);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("are other ones for each machine and each side", () => {
    const keys = [makeLinkKeys(), makeLinkKeys()].flatMap((each) => [
      each.hostPublicKey,
      each.clientPublicKey,
    ]);
    assert.equal(new Set(keys).size, 4);
  });
});
