import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { succeedOn } from "../support/vm-commands.ts";
import { DEMO_IMAGE, useHost, type VmHost } from "../support/vm-host.ts";

/**
 * In place of QEMU: when it is to, stands its `vch` still before that can write anything down, becomes QEMU, and kills
 * the `vch` once that QEMU has called it (which it does before it makes its own socket).
 */
const KILLS_ITS_STARTER = `#!/bin/sh
if [ -e "$0.kills" ]; then
  kill -STOP $PPID
  ( until [ -S qmp.sock ]; do sleep 0.01; done; kill -KILL $PPID ) &
fi
exec /usr/bin/qemu-system-x86_64 "$@"
`;

/** The same, but once the machine is written down, and nobody has spoken to its guest. */
const KILLS_ITS_STARTER_LATER = `#!/bin/sh
if [ -e "$0.kills" ]; then
  (
    until [ -e starting ]; do sleep 0.002; done
    while [ -e starting ]; do sleep 0.002; done
    kill -KILL $PPID
  ) &
fi
exec /usr/bin/qemu-system-x86_64 "$@"
`;

/** What a test starts with a QEMU of its own, which is another shape of machine. */
interface KilledStarts {
  readonly host: VmHost;
  readonly environment: () => NodeJS.ProcessEnv;
  /** Its `vch` is killed while this runs. */
  readonly kill: (...words: string[]) => Promise<void>;
}

/** @param program what kills its starter while there is a file that says so. */
function useKilledStarts(program: string): KilledStarts {
  const host = useHost({ sharesTemplates: false });
  const qemu = (): string => host.file("bin/qemu-system-x86_64");
  const environment = (): NodeJS.ProcessEnv => ({
    PATH: [host.file("bin"), process.env["PATH"]].join(delimiter),
    // It may end its starter.
    VCH_QEMU_USER: "caller",
  });
  before(() => {
    mkdirSync(host.file("bin"));
    writeFileSync(qemu(), program, { mode: 0o755 });
  });
  const kill = async (...words: string[]): Promise<void> => {
    writeFileSync(`${qemu()}.kills`, "");
    const { status } = await host.run(words, { environment: environment() });
    rmSync(`${qemu()}.kills`);
    assert.equal(status, 137);
  };
  return { host, environment, kill };
}

describe("a start whose vch is killed when it has written the machine down, and not spoken to its guest", function () {
  this.timeout(120_000);
  const { host, environment, kill } = useKilledStarts(KILLS_ITS_STARTER_LATER);
  const succeed = succeedOn(host);
  const leave = async (name: string): Promise<void> => {
    await succeed("create", "--name", name, DEMO_IMAGE, "sh", "-c", "echo out; exit 3");
    await kill("start", name);
  };

  before(async () => {
    // Makes the template.
    const { status } = await host.run(["run", "--rm", DEMO_IMAGE, "true"], { environment: environment() });
    assert.equal(status, 0);
  });

  it("goes on when somebody asks for the container", async () => {
    await leave("left");
    assert.equal(await succeed("wait", "left"), "3\n");
    assert.equal(await succeed("logs", "left"), "out\n");
    await succeed("rm", "left");
  });

  it("goes on with the next endpoint, though nobody asks", async () => {
    await leave("adopted");
    const endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST/);
    // A list asks no container.
    while (!/ Exited \(3\) /.test(await succeed("ps", "-a"))) await delay(100);
    endpoint.process.kill("SIGTERM");
    await endpoint.finished;
    await succeed("rm", "adopted");
  });
});

describe("a start whose vch is killed before it has written the machine down", function () {
  this.timeout(120_000);
  const { host, environment, kill } = useKilledStarts(KILLS_ITS_STARTER);
  const succeed = succeedOn(host);

  /** Ends with a machine that nobody knows. */
  const killDuring = async (...words: string[]): Promise<void> => {
    await kill(...words);
    // Who has killed it ends, too.
    await untilLeft(1);
  };
  const untilLeft = async (count: number): Promise<void> => {
    while (host.processes().length > count) await delay(10);
    assert.equal(host.processes().length, count);
  };
  const create = (name: string): Promise<string> =>
    succeed("create", "--start", "cold", "--name", name, DEMO_IMAGE, "sleep", "1000");
  const stateOf = (name: string): Promise<string> => succeed("inspect", "-f", "{{.State.Status}}", name);

  it("leaves a container that can be started", async () => {
    await create("again");
    await killDuring("start", "again");
    await succeed("start", "again");
    assert.equal(host.processes().length, 1, "there is one QEMU");
    assert.equal(await succeed("exec", "again", "echo", "runs"), "runs\n");
    await succeed("rm", "-f", "again");
  });

  it("leaves no QEMU behind once anybody looks", async () => {
    await create("seen");
    await killDuring("start", "seen");
    assert.match(await succeed("ps", "-a"), / Created .* seen\n/);
    assert.equal(await stateOf("seen"), "created\n");
    // Its plug has been pulled.
    await untilLeft(0);
    await succeed("rm", "seen");
  });

  it("leaves none when the container is removed, also one that was run", async () => {
    await killDuring("run", "--start", "cold", "--name", "gone", DEMO_IMAGE, "sleep", "1000");
    await succeed("rm", "-f", "gone");
    assert.equal(host.processes().length, 0);
  });

  it("leaves none of a template, nor of a machine that was to serve files", async () => {
    await create("files");
    const copy = ["cp", "files:/etc/passwd", host.file("passwd")];
    await killDuring(...copy);
    // Makes the template anew.
    assert.equal((await host.run(copy, { environment: environment() })).status, 0);
    await untilLeft(0);
    await killDuring(...copy);
    await succeed(...copy);
    await untilLeft(0);
    await succeed("rm", "files");
  });
});
