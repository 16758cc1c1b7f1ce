import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ContainerStore, openStateFolder } from "../../../src/portlayer/execution/index.ts";
import { identifyProcess } from "../../../src/hypervisor/index.ts";
import { containerRecord } from "../../support/container-records.ts";
import { damageRecord } from "../../support/damage-record.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

interface Finished {
  readonly status: number | null;
  readonly output: string;
  readonly errorOutput: string;
}

describe("the vch command", function () {
  this.timeout(20_000);
  const folder = useTemporaryFolder();

  const vch = (
    args: readonly string[],
    environment: NodeJS.ProcessEnv = { VCH_STATE: folder.path },
  ): Promise<Finished> =>
    new Promise((resolve) => {
      const env = { PATH: process.env["PATH"], ...environment };
      const child = execFile(
        process.execPath,
        [MAIN, ...args],
        { env, timeout: 15_000 },
        (_error, output, errorOutput) => resolve({ status: child.exitCode, output, errorOutput }),
      );
    });
  const assertRefused = (result: Finished, status: number, message: RegExp): void => {
    assert.match(result.errorOutput, message);
    assert.equal(result.errorOutput.trimEnd().split("\n").length, 1, result.errorOutput);
    assert.deepEqual([result.status, result.output], [status, ""]);
  };

  it("tells its version, and helps, with status 0", async () => {
    const [version, help, runHelp] = await Promise.all([
      vch(["version"]),
      vch(["--help"]),
      vch(["run", "--help"]),
    ]);
    assert.match(version.output, /^vch \S+ \(node v\d+/);
    assert.match(help.output, /run .*\n.*ps/s);
    assert.match(runHelp.output, /Usage: vch run \[OPTIONS\] IMAGE/);
    for (const { status, errorOutput } of [version, help, runHelp])
      assert.deepEqual([status, errorOutput], [0, ""]);
  });

  it("looks for what this machine lacks, and ends with 1 when containers cannot run", async () => {
    const { status, output } = await vch(["doctor"], { VCH_STATE: folder.path, PATH: "/nowhere" });
    assert.match(output, /^ok +state folder: /m);
    assert.match(output, /^FAILURE QEMU: .*apt-get install qemu-system-x86$/m);
    assert.equal(status, 1);
  });

  const refused: ReadonlyArray<readonly [string, readonly string[], RegExp]> = [
    ["a flag that does not exist", ["run", "--nosuchflag", "image"], /^vch: unknown option '--nosuchflag'$/m],
    [
      "a flag that is nearly right",
      ["run", "--interactiv", "image"],
      /^vch: unknown option '--interactiv' \(Did you mean --interactive\?\)$/m,
    ],
    [
      "a command that does not exist",
      ["rnu", "image"],
      /^vch: unknown command 'rnu' \(Did you mean run\?\)$/m,
    ],
    ["run without an image", ["run"], /^vch: missing required argument 'image'$/m],
    ["a flag without its value", ["run", "--name"], /^vch: option '--name <name>' argument missing$/m],
    ["CPUs that are none", ["run", "--cpus", "0", "image"], /0\.01 to 64/],
    ["another accelerator", ["run", "--accel", "fast", "image"], /--accel/],
    ["memory that is no size", ["run", "-m", "much", "image"], /^vch: invalid size: 'much'$/m],
    ["too little memory", ["run", "-m", "32m", "image"], /^vch: -m 32m: a container VM needs at least \d+m/m],
    ["a variable without a name", ["run", "-e", "=x", "image"], /^vch: invalid environment variable: =x$/m],
    ["a terminal without one", ["run", "-it", "image"], /^vch: the input device is not a TTY$/m],
  ];
  for (const [what, args, message] of refused) {
    it(`refuses ${what} in one line`, async () => {
      const status = /^a terminal|^a command that|^run without/.test(what) ? 1 : 125;
      assertRefused(await vch(args), status, message);
    });
  }

  it("leaves flags behind the image to the container's command", async () => {
    const result = await vch(["run", "no such image", "ls", "--nosuchflag", "-m", "much"]);
    assert.doesNotMatch(result.errorOutput, /unknown option|invalid size/);
    assert.equal(result.status, 125);
  });

  it("refuses a state folder that cannot be written, in one line", async () => {
    writeFileSync(join(folder.path, "file"), "");
    const result = await vch(["ps"], { VCH_STATE: join(folder.path, "file/state") });
    assertRefused(result, 125, /^vch: the state folder .* cannot be written/);
  });

  it("lists no containers, and removes none that is not there", async () => {
    const [list, removed] = await Promise.all([vch(["ps", "-a"]), vch(["rm", "nothing"])]);
    assert.equal(list.output, "CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   NAMES\n");
    assertRefused(removed, 1, /^vch: No such container: nothing$/m);
  });

  it("lists containers as Docker does, and removes what it is told to", async () => {
    const store = new ContainerStore(openStateFolder({ VCH_STATE: folder.path }));
    const created = new Date(Date.now() - 3 * 3_600_000).toISOString();
    const machine = identifyProcess(process.pid);
    store.create("done", () =>
      containerRecord("d", {
        created,
        started: created,
        finished: created,
        exit: { code: 0, signal: 9 },
        command: ["sh", "-c", "a long command line"],
      }),
    );
    store.create("up", () => containerRecord("c", { created, started: created, machine }));
    store.create("dead", () => containerRecord("b", { created, owner: { pid: 1, startTime: "never" } }));
    const rows = (result: Finished): string[] => result.output.trimEnd().split("\n").slice(1);
    const [running, all, quiet] = await Promise.all([
      vch(["ps"]),
      vch(["ps", "-a"]),
      vch(["ps", "-aq", "--no-trunc"]),
    ]);
    assert.match(
      rows(running).join("\n"),
      /^c00000000000\s+oci:demo\s+"\/bin\/true"\s+3 hours ago\s+Up 3 hours\s+up$/,
    );
    assert.equal(rows(all).length, 3);
    assert.match(all.output, /"sh -c a long comman…"\s+3 hours ago\s+Exited \(137\) 3 hours ago\s+done/);
    assert.match(all.output, /Dead\s+dead/);
    assert.deepEqual(
      quiet.output
        .trim()
        .split("\n")
        .map((id) => id.length),
      [64, 64, 64],
    );

    const removal = await vch(["rm", "up", "done", "nothing", "b0"]);
    assert.equal(removal.output, "done\nb0\n");
    assert.match(
      removal.errorOutput,
      /You cannot remove a running container c0+\..*\nvch: No such container: nothing/,
    );
    assert.equal(removal.status, 1);
    assert.deepEqual(readdirSync(join(folder.path, "containers")), [containerRecord("c").id]);
    assert.deepEqual(
      store.list().map(({ name }) => name),
      ["up"],
    );
  });

  it("removes others though one record is damaged", async () => {
    const store = new ContainerStore(openStateFolder({ VCH_STATE: folder.path }));
    store.create("good", () => containerRecord("a"));
    damageRecord(folder.path, store.create("bad", () => containerRecord("b")).id, "{");
    const { status, output } = await vch(["rm", "good"]);
    assert.deepEqual([status, output], [0, "good\n"]);
  });
});
