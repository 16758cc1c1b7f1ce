import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { visitQmp } from "../../src/hypervisor/qemu/qmp-visit.ts";
import { anotherAgentImage, ANOTHER_VERSION } from "../support/agent-image.ts";
import { folderOf } from "../support/guest-of.ts";
import { succeedOn } from "../support/vm-commands.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Terminal } from "../support/vm-terminal.ts";
import { machineRoom } from "../support/machine-room.ts";

/**
 * What a process prints at a time; every burst is a hundred thousand on. With the pause in between the emulated
 * processor has time for something else.
 */
const BURST_LINES = 10_000;
const PRINT = `n=0; until [ -e /enough ]; do n=$((n + 1)); seq \${n}00000 \${n}0${BURST_LINES - 1}; sleep 0.1; done; exit 7`;

/** Each takes some seconds under emulation, most of it the other agent's cold code; `UPGRADE_ROUNDS=10` is for a change here. */
const ROUNDS = Number(process.env["UPGRADE_ROUNDS"] ?? 3);

/** What the history of the statistics reads, from a second after an agent's start on. */
const STATISTICS =
  "^/proc/(1/net/|1/statm|diskstats|loadavg|meminfo|stat$|sys/|uptime)|^/sys/fs/cgroup/(container|tether)/(cpu|io|memory|pids)[.]";

/** Goes to a command at a time. */
const PIECE_BYTES = 64 * 1024;
const BETWEEN_PIECES_MS = 50;

describe("an agent that is upgraded", function () {
  this.timeout(120_000 + ROUNDS * 30_000);
  const host = useHost();
  const succeed = succeedOn(host);
  let another = "";
  let present = "";

  before(async () => {
    another = await anotherAgentImage();
    present = /^vch (\S+) /.exec(await succeed("version"))?.[1] ?? "";
    assert.notEqual(present, ANOTHER_VERSION);
  });

  const versionOf = async (name: string): Promise<string> =>
    (await succeed("inspect", "-f", "{{.AgentVersion}}", name)).trim();
  const runDetached = (name: string, ...args: string[]): Promise<string> =>
    succeed("run", "-d", "--name", name, ...args);

  it("costs no byte of what a process prints, for its clients and in the log, nor its status", async () => {
    const run = host.start(["run", "--name", "printer", DEMO_IMAGE, "sh", "-c", PRINT]);
    await run.stdout.expect(/\n300000\n/);
    const attached = host.start(["attach", "printer"]);
    await attached.stdout.expect(/00000\n/);
    assert.equal(
      await succeed("upgrade", "--boot", another, "printer"),
      `printer: agent ${ANOTHER_VERSION}, before ${present}\n`,
    );
    assert.equal(await versionOf("printer"), ANOTHER_VERSION);
    // Both clients have stayed.
    const burst = run.stdout.text.length;
    while (run.stdout.text.length === burst) await run.stdout.expect(/00000\n/);
    await succeed("exec", "printer", "touch", "/enough");
    const [ran, saw] = await Promise.all([run.finished, attached.finished]);
    assert.deepEqual([ran.status, ran.complaints, saw.status, saw.complaints], [7, [], 7, []]);
    assertBursts(ran.stdout);
    assert(saw.stdout.length > 0 && ran.stdout.subarray(-saw.stdout.length).equals(saw.stdout));
    const log = await host.run(["logs", "printer"]);
    assert.equal(sha256(log.stdout), sha256(ran.stdout));
    const filters = ["--filter", "container=printer", "--filter", "event=agent_restart"];
    const events = await succeed("events", "--since", "1h", "--until", "0s", ...filters);
    assert.match(
      events,
      new RegExp(`^\\S+ container agent_restart .*agentVersion=${ANOTHER_VERSION}, .*reason=upgrade\\)\n$`),
    );
    await succeed("rm", "printer");
  });

  it("again and again costs no byte of a command's input and output, and leaves nothing behind", async () => {
    await runDetached("again", DEMO_IMAGE, "sleep", "1000");
    await succeed("upgrade", "again");
    const before = await inventory("again");
    const copy = host.start(["exec", "-i", "again", "sh", "-c", "cat; exit 9"], { openInput: true });
    const enough = new AbortController();
    const fed = feed(copy, enough.signal);
    for (let round = 0; round < ROUNDS; round++)
      assert.equal(
        await succeed("upgrade", "again"),
        `again: agent ${present}, the same version as before\n`,
      );
    enough.abort();
    const input = await fed;
    const { status, stdout, complaints } = await copy.finished;
    assert.deepEqual([status, complaints], [9, []]);
    assert.equal(sha256(stdout), sha256(input));
    assert.deepEqual(await inventory("again"), before);
    await succeed("rm", "-f", "again");
  });

  it("leaves a terminal as it is: input, size and ^C", async () => {
    const terminal = new Terminal(host, `bin/vch run -it --name tty ${DEMO_IMAGE} sh; echo status $?`, {
      columns: 80,
      rows: 24,
    });
    await terminal.screen.expect(/# /);
    terminal.type("word=be''fore; sleep 1000\r");
    await terminal.screen.expect(/sleep 1000\r\n/);
    await succeed("upgrade", "tty");
    terminal.type("\x03");
    terminal.type("echo ended $? $word\r");
    await terminal.screen.expect(/\nended 130 before\r\n/);
    terminal.resize(91, 30);
    terminal.type('until [ "$(stty size)" = "30 91" ]; do :; done; echo si""zed\r');
    await terminal.screen.expect(/\nsized\r\n/);
    terminal.type("exit 5\r");
    await terminal.screen.expect(/status 5/);
    assert.equal(await terminal.ended, 0);
    terminal.close();
    await succeed("rm", "tty");
  });

  it("goes on with health checks and the restart policy where they were", async () => {
    const health = ["--health-cmd", "test ! -e /ill", "--health-interval", "200ms", "--health-retries", "1"];
    const script =
      "until [ -e /first ]; do sleep 0.1; done; [ -e /second ] || { touch /second; exit 3; }; until [ -e /end ]; do sleep 0.1; done; exit 4";
    await runDetached("checked", "--restart", "on-failure:2", ...health, DEMO_IMAGE, "sh", "-c", script);
    await succeed("exec", "checked", "touch", "/first");
    const reach = async (template: string, wanted: string): Promise<void> => {
      while ((await succeed("inspect", "-f", template, "checked")) !== `${wanted}\n`) continue;
    };
    await reach("{{.RestartCount}} {{.State.Health.Status}}", "1 healthy");
    await succeed("upgrade", "checked");
    assert.equal(
      await succeed("inspect", "-f", "{{.RestartCount}} {{.State.Health.Status}}", "checked"),
      "1 healthy\n",
    );
    await succeed("exec", "checked", "touch", "/ill");
    await reach("{{.State.Health.Status}}", "unhealthy");
    await succeed("exec", "checked", "touch", "/end");
    await reach("{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}", "2 exited 4");
    await succeed("rm", "checked");
  });

  it("may have been booted from the ISO, with the devices of a VM on vSphere", async () => {
    const devices = ["--hardware", "vmware", "--boot", "iso-bios"];
    await runDetached("vmware", ...devices, DEMO_IMAGE, "sleep", "1000");
    await succeed("upgrade", "--boot", another, "vmware");
    assert.equal(await versionOf("vmware"), ANOTHER_VERSION);
    assert.equal(await succeed("exec", "vmware", "echo", "alive"), "alive\n");
    await succeed("rm", "-f", "vmware");
  });

  /** What there is in a machine, as the guest and QEMU see it, but for the output that is kept of execs. */
  async function inventory(name: string): Promise<unknown> {
    const script = [
      // A thread reads for the statistics from a second after the agent's start on, and has these open from then on.
      "until ls -l /proc/1/fd | grep -q ' /proc/diskstats$'; do sleep 0.1; done",
      "sed 's/^.dev.vd. /disk /' /proc/1/mounts",
      `for each in /proc/1/fd/*; do readlink $each; done | grep -vE '${STATISTICS}' | grep -v memfd:output | sed 's/[0-9][0-9][0-9]*/N/g' | sort`,
      "ls /proc/1/task | wc -l",
      "ls /sys/class/block | wc -l",
      "ls -d /sys/fs/erofs/vd* | wc -l",
      "ls /proc/1/root/run/tether /proc/1/root/run/tether/images",
    ].join("; ");
    // What it has printed comes here only after the agent has closed what it started the command with.
    const command = ["sh", "-c", `echo ready; read -r go; ${script}`];
    const look = host.start(["exec", "-i", "--privileged", name, ...command], { openInput: true });
    await look.stdout.expect(/ready\n/);
    look.process.stdin?.end("go\n");
    const { status, stdout } = await look.finished;
    assert.equal(status, 0);
    const guest = stdout.toString();
    const qemu = await visitQmp(machineRoom(folderOf(host, name)), async (qmp) => {
      const lists = [
        qmp.execute("query-named-block-nodes", { flat: true }),
        qmp.execute("query-block"),
        qmp.execute("qom-list", { path: "/machine/peripheral" }),
      ];
      return (await Promise.all(lists)).map((list) => (list as unknown[]).length);
    });
    return { guest: guest.split("\n"), qemu };
  }
});

/** Every burst that was begun, whole and in order. */
function assertBursts(output: Buffer): void {
  const lines = output.toString("latin1").split("\n");
  assert.equal(lines.pop(), "");
  assert.equal(lines.length % BURST_LINES, 0);
  lines.forEach((line, index) => {
    const burst = Math.floor(index / BURST_LINES) + 1;
    if (line !== String(burst * 100_000 + (index % BURST_LINES))) assert.fail(`line ${index} is ${line}`);
  });
  assert(lines.length > 3 * BURST_LINES, `${lines.length} lines`);
}

/** Writes, with pauses for others, until it is over. @returns what it wrote. */
async function feed({ process: { stdin } }: Call, over: AbortSignal): Promise<Buffer> {
  assert(stdin !== null);
  const pieces: Buffer[] = [];
  do {
    const piece = randomBytes(PIECE_BYTES);
    pieces.push(piece);
    await new Promise((written) => stdin.write(piece, written));
    await delay(BETWEEN_PIECES_MS);
  } while (!over.aborted);
  stdin.end();
  return Buffer.concat(pieces);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
