import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const MEBIBYTE = 1024 * 1024;
const SIZE = 256 * MEBIBYTE;
/** Both sides in one process: two SSH channels' windows of 2 MiB, pieces on their way, what V8 has not collected yet. */
const MOST_GROWTH = 200 * MEBIBYTE;

/** Both sides of a copy in a process of their own, whose peak is then theirs alone. */
const script = `
  import { execFileSync } from "node:child_process";
  import { FilesServer } from ${JSON.stringify(fileURLToPath(new URL("../../tether/files-server.ts", import.meta.url)))};
  import { copyIn, copyOut } from ${JSON.stringify(fileURLToPath(new URL("../../../../src/portlayer/interaction/archive.ts", import.meta.url)))};
  const [folder, size] = process.argv.slice(1);
  const server = new FilesServer(folder + "/root");
  const guest = await server.open();
  const options = { keepsOwner: false, follows: false };
  execFileSync("sh", ["-c", "head -c 1000000 /dev/urandom > " + folder + "/small"]);
  await copyIn(guest, folder + "/small", "/", options);
  await copyOut(guest, "/small", folder + "/small-back", options);
  const before = process.resourceUsage().maxRSS * 1024;
  execFileSync("sh", ["-c", "head -c " + size + " /dev/urandom > " + folder + "/big"]);
  const started = performance.now();
  await copyIn(guest, folder + "/big", "/", options);
  const between = performance.now();
  await copyOut(guest, "/big", folder + "/back", options);
  const ended = performance.now();
  console.log(JSON.stringify({ growth: process.resourceUsage().maxRSS * 1024 - before, inMs: between - started, outMs: ended - between }));
  await server[Symbol.asyncDispose]();
`;

describe("the memory of a copy", function () {
  this.timeout(120_000);
  const folder = useTemporaryFolder();

  it("does not grow with the file, in either direction", async () => {
    mkdirSync(`${folder.path}/root`);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "-e", script, folder.path, String(SIZE)],
      { cwd: fileURLToPath(new URL("../../../../", import.meta.url)) },
    );
    const measured = JSON.parse(stdout) as { growth: number; inMs: number; outMs: number };
    assert.ok(measured.growth < MOST_GROWTH, stdout);
    assert.equal(statSync(`${folder.path}/back`).size, SIZE, readdirSync(folder.path).join());
    await promisify(execFile)("cmp", [`${folder.path}/big`, `${folder.path}/back`]);
  });
});
