import assert from "node:assert/strict";
import { libraryClosure, parseLdd } from "../../../iso-build/agent-image/index.ts";
import { makeExecutables, makeFolder, removeFolder } from "./support/kernel-fixture.ts";

describe("the library closure", () => {
  const folder = makeFolder();
  const { agent, stage0 } = makeExecutables(folder);
  after(() => removeFolder(folder));

  it("is what ldd reports, the loader included", async () => {
    assert.deepEqual(await libraryClosure(agent), [
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/ld-linux-x86-64.so.2",
    ]);
  });

  it("is empty for a static executable", async () => {
    assert.deepEqual(await libraryClosure(stage0), []);
  });

  it("reads ldd's forms of a line and leaves the vDSO out", () => {
    const output = [
      "\tlinux-vdso.so.1 (0x00007ffb7c990000)",
      "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007ffb7c899000)",
      "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007ffb7c899000)",
      "\tlibodd.so => /opt/with space/libodd.so (0x00007ffb7c41e000)",
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007ffb7c992000)",
    ].join("\n");
    assert.deepEqual(parseLdd(output, "agent"), [
      "/lib/x86_64-linux-gnu/libm.so.6",
      "/lib64/ld-linux-x86-64.so.2",
      "/opt/with space/libodd.so",
    ]);
  });

  it("names a library that is not there", () => {
    assert.throws(() => parseLdd("\tlibgone.so.1 => not found\n", "/x/agent"), {
      code: "not-set-up",
      message: "/x/agent needs the library libgone.so.1, which is not on this machine",
    });
  });
});
