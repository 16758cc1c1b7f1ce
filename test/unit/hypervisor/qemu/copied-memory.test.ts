import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { identifyProcess, type ProcessIdentity } from "../../../../src/hypervisor/index.ts";
import { copyMemory } from "../../../../src/hypervisor/qemu/copied-memory.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const SIZE_BYTES = 16 * 1024 * 1024;

/** Without a machine. */
const QEMU = ["-M", "none", "-nodefaults", "-no-user-config", "-display", "none", "-S", "-qmp", "stdio"];

describe("a machine's own copy of its template's memory", () => {
  const folder = useTemporaryFolder();
  let qemu: ChildProcess;
  const start = async (...args: string[]): Promise<ProcessIdentity> => {
    qemu = spawn("qemu-system-x86_64", [...QEMU, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    // It greets once it has its memory.
    if (qemu.stdout !== null) await once(qemu.stdout, "data");
    const identity = identifyProcess(qemu.pid ?? 0);
    assert(identity !== undefined);
    return identity;
  };
  afterEach(async () => {
    qemu.kill("SIGKILL");
    await once(qemu, "exit");
  });

  it("has what the template's has, and room for no more", async () => {
    const file = openSync(join(folder.path, "memory"), "w+");
    writeSync(file, "begin", 0);
    writeSync(file, "end", 9 * 1024 * 1024);
    ftruncateSync(file, SIZE_BYTES);
    const object = `memory-backend-memfd,id=memory,size=${SIZE_BYTES},share=on,seal=off`;
    const identity = await start("-object", object);
    await copyMemory(file, identity, AbortSignal.timeout(5000));
    closeSync(file);
    const descriptors = `/proc/${identity.pid}/fd`;
    const memory = readdirSync(descriptors).find((name) =>
      readlinkSync(`${descriptors}/${name}`).startsWith("/memfd:"),
    );
    assert.deepEqual(readFileSync(`${descriptors}/${memory}`), readFileSync(join(folder.path, "memory")));
    const { size, blocks } = statSync(`${descriptors}/${memory}`);
    assert.equal(size, SIZE_BYTES);
    assert.ok(blocks * 512 < SIZE_BYTES / 4, `${blocks} blocks`);
  });

  it("is refused by a QEMU that shares none", async () => {
    const identity = await start();
    await assert.rejects(
      copyMemory(0, identity, AbortSignal.timeout(5000)),
      catalogueError("hypervisor-failed", /no memory that can be shared/),
    );
  });
});
