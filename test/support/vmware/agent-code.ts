import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { built } from "../native-system.ts";
import { RPCTOOL } from "./peers.ts";
import type { Emulated, EmulatorOptions, VmwareHost } from "./emulator.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * Runs JavaScript with the agent's code and the real addon as in a VM of VMware's. The source has `system`,
 * `guestinfo`, `GuestinfoSource` and a `keyFile` for it, `asNobody(...program)`, which runs a program without rights, and `attempt(call)`,
 * which gives the error's code and message; what it passes to `result` comes back.
 *
 * @param program words before node's, such as an environment.
 */
export async function runOnVmware(
  host: VmwareHost,
  source: string,
  options: EmulatorOptions = [],
  program: readonly string[] = [],
): Promise<unknown> {
  const ended = await runCode(host, source, options, program);
  const line = ended.output.split("\n").find((text) => text.startsWith("RESULT "));
  assert.ok(
    line !== undefined && ended.status === 0,
    `status ${ended.status}: ${ended.output}${ended.errors}`,
  );
  return JSON.parse(line.slice("RESULT ".length));
}

/** As {@link runOnVmware}, whatever its end. */
export function runCode(
  host: VmwareHost,
  source: string,
  options: EmulatorOptions = [],
  program: readonly string[] = [],
): Promise<Emulated> {
  const node = [process.execPath, "--input-type=module", "-e", prelude(host) + source];
  return host.run([...program, ...node], [built("tether.node"), RPCTOOL], options);
}

const prelude = (host: VmwareHost): string => `
  import fs from "node:fs";
  import { spawnSync } from "node:child_process";
  import { LinuxSystem, loadNativeAddon } from "${root}src/system/linux-system.ts";
  import { GuestInfo } from "${root}src/tether/guestinfo/index.ts";
  import { GuestinfoSource } from "${root}src/tether/configuration/guestinfo-source.ts";
  const system = new LinuxSystem(loadNativeAddon("${built("tether.node")}"));
  const guestinfo = new GuestInfo((request) => system.rpci(request));
  const keyFile = "${host.folder}/seal-key";
  const result = (value) => fs.writeSync(1, "RESULT " + JSON.stringify(value) + "\\n");
  // Both ways to make a request, in turn.
  let turn = 0;
  const request = async (bytes) => (turn++ % 2 ? system.rpciAside(bytes) : system.rpci(bytes));
  const rpci = async (text) => Buffer.from(await request(Buffer.from(text))).toString();
  // As the container's process: nobody, without any right.
  const asNobody = (...program) => {
    const rights = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    return spawnSync("setpriv", [...rights, ...program], { encoding: "utf8" });
  };
  const attempt = async (call) => {
    try { return await call(); } catch (error) { return { code: error.code, message: error.message }; }
  };
`;
