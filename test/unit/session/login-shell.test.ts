import assert from "node:assert/strict";
import { findLoginShell } from "../../../src/session/login-shell.ts";

const PASSWD = "root:x:0:0:root:/root:/bin/bash\napp:x:1000:1000::/home/app:/usr/bin/zsh\nbare:x:7:7::/:\r\n";

describe("a user's shell", () => {
  it("is what /etc/passwd says, by name or number, with or without a group", () => {
    for (const user of ["app", "1000", "app:video", "1000:0"])
      assert.equal(findLoginShell(user, PASSWD), "/usr/bin/zsh");
    assert.equal(findLoginShell("root", PASSWD), "/bin/bash");
  });

  it("is /bin/sh where nothing is said", () => {
    for (const user of ["bare", "7", "nobody", "4711"]) assert.equal(findLoginShell(user, PASSWD), "/bin/sh");
    assert.equal(findLoginShell("root", undefined), "/bin/sh");
    assert.equal(findLoginShell("root", ""), "/bin/sh");
  });
});
