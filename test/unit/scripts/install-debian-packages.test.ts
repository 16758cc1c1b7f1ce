import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Host,
  installDebianPackages,
  missingDebianPackages,
  updatePackageLists,
} from "../../../scripts/set-up/install-debian-packages.mjs";
import { withTemporaryFolder } from "./temporary-folder.ts";

const install =
  "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 qemu umoci";
const byHand = `sudo apt-get update && sudo ${install}`;

describe("missing Debian packages", () => {
  const folder = withTemporaryFolder();

  function fakeDpkgQuery(script: string): string {
    const path = join(folder.path, "dpkg-query");
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  }

  it("are those that dpkg does not call installed", () => {
    // Removed but configured, half-installed, and unknown (which dpkg-query reports by status 1).
    const dpkgQuery = fakeDpkgQuery(
      `printf 'gcc installed\\nrpm config-files\\ntmux half-installed\\n'; exit 1`,
    );
    deepEqual(missingDebianPackages(["gcc", "rpm", "tmux", "umoci"], dpkgQuery), ["rpm", "tmux", "umoci"]);
  });

  it("are none when all are there", () => {
    deepEqual(missingDebianPackages(["gcc"], fakeDpkgQuery("echo gcc installed")), []);
  });

  it("cannot be told where there is no dpkg", () => {
    throws(() => missingDebianPackages(["gcc"], join(folder.path, "absent")), /set up on Debian 12/);
    throws(() => missingDebianPackages(["gcc"], fakeDpkgQuery("exit 2")), /set up on Debian 12/);
  });
});

describe("installing Debian packages", () => {
  let ran: string[];
  let asked: string;

  beforeEach(() => {
    ran = [];
    asked = "";
  });

  function host(rest: Partial<Host>): Host {
    return {
      isRoot: false,
      hasTerminal: true,
      hasSudo: true,
      hasSystemd: true,
      ask: (question) => {
        asked = question;
        return Promise.resolve("y");
      },
      runTool: (program, args) => {
        ran.push([program, ...args].join(" "));
        return Promise.resolve();
      },
      ...rest,
    };
  }
  const run = (rest: Partial<Host>): Promise<void> =>
    installDebianPackages(["qemu", "umoci"], { verbose: false }, host(rest));

  it("goes ahead as root, with fresh lists", async () => {
    await run({ isRoot: true, hasTerminal: false });
    deepEqual(ran, ["apt-get update", install]);
    equal(asked, "");
  });

  it("starts no service of a package, neither now nor at the next boot", async () => {
    const docker = install.replace("qemu umoci", "docker.io");
    const services = "docker.service docker.socket containerd.service";
    for (const hasSystemd of [true, false]) {
      ran = [];
      await installDebianPackages(["docker.io"], { verbose: false }, host({ isRoot: true, hasSystemd }));
      const [before, after] = [
        [`systemctl mask --runtime ${services}`],
        [`systemctl unmask --runtime ${services}`, `systemctl disable ${services}`],
      ];
      deepEqual(ran, ["apt-get update", ...(hasSystemd ? [...before, docker, ...after] : [docker])]);
    }
  });

  it("asks before it uses sudo, showing the commands", async () => {
    await run({});
    deepEqual(ran, ["sudo apt-get update", `sudo ${install}`]);
    equal(asked.includes(byHand), true, asked);
  });

  it("can be the package lists alone, by the same rules", async () => {
    await updatePackageLists({ verbose: false }, host({ isRoot: true }));
    deepEqual(ran, ["apt-get update"]);
    await rejects(updatePackageLists({ verbose: false }, host({ hasTerminal: false })), {
      message: "apt's package lists are missing; run: sudo apt-get update",
    });
  });

  const refusals: Record<string, [Partial<Host>, string]> = {
    "the answer is no": [{ ask: () => Promise.resolve("n") }, byHand],
    "nobody is there to answer": [{ hasTerminal: false }, byHand],
    "there is no sudo": [{ hasSudo: false }, `run as root: apt-get update && ${install}`],
  };
  for (const [when, [rest, command]] of Object.entries(refusals)) {
    it(`runs nothing and names the exact command when ${when}`, async () => {
      await rejects(
        run(rest),
        (error: Error) => error.message.endsWith(command) && !error.message.includes("\n"),
      );
      deepEqual(ran, []);
    });
  }
});
