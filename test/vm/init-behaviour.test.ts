import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { type Call, DEMO_IMAGE, type Finished, useHost } from "../support/vm-host.ts";
import { succeedOn } from "../support/vm-commands.ts";
import { Terminal } from "../support/vm-terminal.ts";

// What the test suites of tini and dumb-init ask of a container's first process, asked of a container VM.

/** All signals that a process can get told of and that do not end or stop it then. */
const SIGNALS = [
  1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28,
].concat([29, 30, 31, 34, 40, 64]);

/** Prints the number of every signal that it gets. */
const PRINTER = `${SIGNALS.map((number) => `trap 'echo got ${number}' ${number}`).join("; ")}
  echo $$ > /tmp/pid; echo ready; while :; do sleep 1000 & wait $!; done`;

/** Waits until a shell's condition holds. */
const until = (condition: string): string =>
  `n=0; until ${condition}; do n=$((n+1)); [ $n -gt 400 ] && exit 99; sleep 0.05; done`;

const ZOMBIES = "grep -qsE '^State:[[:space:]]+Z' /proc/[0-9]*/status";

describe("what tini and dumb-init do for a container", function () {
  this.timeout(120_000);
  const host = useHost();
  const succeed = succeedOn(host);

  describe("beside a process that sleeps", () => {
    const inside = async (script: string, ...options: string[]): Promise<string> =>
      succeed("exec", ...options, "sleeper", "sh", "-c", script);
    before(() => succeed("run", "-d", "--name", "sleeper", DEMO_IMAGE, "sleep", "100000"));
    after(() => succeed("rm", "-f", "sleeper"));

    it("passes on every exit code, 0 to 255", async function () {
      // 256 execs: 30 s on a quiet machine.
      this.timeout(300_000);
      const config = host.file("ssh_config");
      writeFileSync(config, await succeed("ssh", "--config", "sleeper"));
      const connection = ["-F", config, "-o", `ControlPath=${host.file("control")}`, "sleeper"];
      const ssh = (...words: string[]): Promise<number> =>
        new Promise((resolve) => {
          execFile("ssh", [...connection, ...words], (error) =>
            resolve(error === null ? 0 : Number(error.code)),
          );
        });
      const master = ssh("-o", "ControlMaster=yes", "-o", "ControlPersist=60", "true");
      assert.equal(await master, 0);
      try {
        const codes = await inTurns(256, (code) => ssh(`exit ${code}`));
        assert.deepEqual(
          codes,
          Array.from({ length: 256 }, (_, code) => code),
        );
      } finally {
        await ssh("-O", "exit");
      }
    });

    it("reaps orphans of every kind: double forks, whole chains, those of a session of their own", async () => {
      const script = `
        (true & true & exec true) & wait
        sh -c 'sh -c "sh -c \\"sleep 0.1 & exit 0\\" & exit 0" & exit 0'
        setsid sh -c 'sleep 0.1 & exit 0'
        (setsid sh -c 'kill -9 $$' & wait)
        sh -c 'sleep 0.1 & kill -STOP $!; kill -KILL $!; exit 0'
        ${until(`! ${ZOMBIES}`)}; echo none left`;
      assert.equal(await inside(script), "none left\n");
    });

    it("reaps a thousand orphans that end at the same time", async () => {
      const script = `
        for i in $(seq 10); do (for j in $(seq 100); do sleep 1 & done); done
        ${until(`[ $(ls /proc 2>/dev/null | grep -c '^[0-9]') -lt 100 ] && ! ${ZOMBIES}`)}; echo none left`;
      assert.equal(await inside(script), "none left\n");
    });

    it("adopts orphans itself, wherever they come from", async () => {
      const script = `
        setsid sh -c 'sleep 1000 & echo $! > /tmp/orphan; exit 0'
        ${until("grep -q '^PPid:.1$' /proc/$(cat /tmp/orphan)/status")}
        grep -o ^PPid:.1 /proc/$(cat /tmp/orphan)/status; kill $(cat /tmp/orphan)`;
      assert.equal(await inside(script), "PPid:\t1\n");
    });

    it("takes no status from a process that waits for its own children", async () => {
      const script =
        "for i in $(seq 200); do (exit $((i % 256))) & wait $! ; [ $? = $((i % 256)) ] || echo wrong $i; done";
      assert.equal(await inside(script), "");
    });

    it("leaves every signal as it is by default: none ignored, blocked or caught", async () => {
      const expected = "SigBlk:0000000000000000\nSigIgn:0000000000000000\nSigCgt:0000000000000000\n";
      const signals = (tail: string): string => `grep -E '^Sig(Blk|Ign|Cgt)' ${tail} | tr -d '\\t'`;
      for (const options of [[], ["-t"]])
        assert.equal(
          (await inside(`exec ${signals("/proc/self/status")}`, ...options)).replaceAll("\r", ""),
          expected,
        );
      const main = "$(grep -l '^Name:.sleep' /proc/[0-9]*/status | head -1)";
      assert.equal(await inside(signals(main)), expected);
    });

    it("lets a broken pipe end its writer", async () => {
      assert.equal(await inside("(yes; echo $? >&2) 2>/tmp/status | head -1; cat /tmp/status"), "y\n141\n");
    });

    it("gives a program that cannot be executed as its own error", async () => {
      const { status, complaints } = await host.run(["exec", "sleeper", "/does/not/exist"]);
      assert.equal(status, 127);
      assert.match(
        complaints.join(),
        /"\/does\/not\/exist": stat \/does\/not\/exist: no such file or directory/,
      );
    });
  });

  describe("to a process that prints its signals", () => {
    let call: Call;
    before(async () => {
      call = host.start(["run", "--rm", "--name", "printer", DEMO_IMAGE, "sh", "-c", PRINTER]);
      await call.stdout.expect(/ready\n/);
    });
    after(async () => {
      await host.run(["rm", "-f", "printer"]);
      await call.finished;
    });

    it("passes every signal on, once, and nothing else", async () => {
      for (const number of SIGNALS) {
        await succeed("kill", "-s", String(number), "printer");
        await call.stdout.expect(new RegExp(`^got ${number}\n$`));
      }
    });

    it("stops and continues it", async () => {
      const state = "grep ^State: /proc/$(cat /tmp/pid)/status | cut -c8";
      const wait = (letter: string): Promise<string> =>
        succeed("exec", "printer", "sh", "-c", until(`[ $(${state}) = ${letter} ]`));
      await succeed("kill", "-s", "STOP", "printer");
      await wait("T");
      await succeed("kill", "-s", "CONT", "printer");
      await call.stdout.expect(/^got 18\n$/);
      await wait("S");
    });
  });

  it("ends with 128 plus the signal that ends its process, which every one does by default", async () => {
    for (const [signal, number] of Object.entries({
      TERM: 15,
      INT: 2,
      QUIT: 3,
      KILL: 9,
      USR1: 10,
      "34": 34,
    })) {
      await succeed("run", "-d", "--name", "ended", DEMO_IMAGE, "sleep", "1000");
      await succeed("kill", "-s", signal, "ended");
      assert.equal(await succeed("wait", "ended"), `${128 + number}\n`, signal);
      await succeed("rm", "ended");
    }
  });

  it("leaves nothing behind that ignores SIGTERM, has a session of its own, or is stopped, when it stops", async () => {
    const script = `
      trap 'echo asked; exit 3' TERM
      sh -c 'trap "" TERM HUP INT; echo child; sleep 1000; sleep 1000' &
      setsid sh -c 'trap "" TERM; echo grandchild; sleep 1000; sleep 1000' &
      sh -c 'kill -STOP $$' &
      while :; do sleep 1000 & wait $!; done`;
    const call = host.start(["run", "--rm", "--name", "crowd", DEMO_IMAGE, "sh", "-c", script]);
    await call.stdout.expect(/child\n[^]*child\n/);
    await succeed("stop", "crowd");
    const { status, stdout } = await call.finished;
    assert.equal(status, 3);
    assert.match(stdout.toString(), /asked\n$/);
  });

  it("ends what its process leaves behind as soon as that ends, as Docker does", async () => {
    const script = "(sleep 1; echo late) & setsid sh -c 'sleep 1; echo late' & echo last; exit 5";
    const { status, stdout } = await host.run(["run", "--rm", DEMO_IMAGE, "sh", "-c", script]);
    assert.deepEqual([status, stdout.toString()], [5, "last\n"]);
  });

  it("kills what does not listen, with its children, when the grace is over", async () => {
    const script =
      "trap '' TERM; (trap '' TERM; echo ready; sleep 1000; sleep 1000) & wait; wait; sleep 1000";
    const call = host.start(["run", "--rm", "--name", "deaf", DEMO_IMAGE, "sh", "-c", script]);
    await call.stdout.expect(/ready\n/);
    await succeed("stop", "-t", "1", "deaf");
    assert.equal((await call.finished).status, 137);
  });

  describe("to a terminal", () => {
    let terminal: Terminal;
    const open = (command: string): void => {
      const words = `exec bin/vch run --rm -it --name typed ${DEMO_IMAGE} ${command}`;
      terminal = new Terminal(host, words, { columns: 80, rows: 24 });
    };
    afterEach(async () => {
      terminal.close();
      await terminal.ended;
    });

    it("gives it to the process: what is typed is read to its end, and what is printed arrives", async () => {
      open("sh -c 'stty -echo; echo ready; tac'");
      await terminal.screen.expect(/ready\r\n/);
      terminal.type("1\r2\r3\r\x04");
      await terminal.screen.expect(/^3\r\n2\r\n1\r\n$/);
      assert.equal(await terminal.ended, 0);
    });

    it("lets a shell control its jobs: ^Z stops, fg and bg continue, and SIGTTIN stops who reads behind", async () => {
      open("env PS1='> ' sh");
      const line = async (text: string, pattern: RegExp): Promise<void> => {
        terminal.type(`${text}\r`);
        await terminal.screen.expect(pattern);
      };
      await terminal.screen.expect(/> /);
      await line("case $- in *m*) echo jobs $((40+2));; esac", /jobs 42\r\n/);
      await line("sleep 1000", /sleep 1000\r\n/);
      await succeed("exec", "typed", "sh", "-c", until("grep -q '^Name:.sleep' /proc/[0-9]*/status"));
      terminal.type("\x1a");
      await terminal.screen.expect(/Stopped/);
      await line("bg; echo back $((1+1))", /back 2\r\n/);
      await line("jobs", /Running/);
      await line("kill %1; wait %1; echo $?", /143\r\n/);
      await line("cat & sleep 1; jobs", /Stopped \(tty input\)/);
      await line("fg", /fg\r\ncat\r\n/);
      terminal.type("\x04");
      await line("exit $((6+1))", /exit \S+\r\n/);
      assert.equal(await terminal.ended, 7);
    });
  });

  it("ends a whole pipeline with its container", async () => {
    const call = host.start([
      ...["run", "--rm", "--name", "pipeline", DEMO_IMAGE, "sh", "-c"],
      "yes 'oh, hi' | tail & yes error | tail >&2 & echo ready; wait; wait",
    ]);
    await call.stdout.expect(/ready\n/);
    await succeed("stop", "-t", "1", "pipeline");
    const finished: Finished = await call.finished;
    assert.equal(finished.status, 143);
  });
});

/** Does something for each number below `count`, a few at a time, since most of it is waiting. */
async function inTurns<Result>(count: number, work: (number: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let first = 0; first < count; first += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, index) => first + index);
    results.push(...(await Promise.all(numbers.map(work))));
  }
  return results;
}

/** OpenSSH's own server would take ten sessions on one connection. */
const AT_ONCE = 8;
