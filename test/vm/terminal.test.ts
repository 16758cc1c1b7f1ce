import assert from "node:assert/strict";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Terminal } from "../support/vm-terminal.ts";

/** ^C, ^D, ^Z and ESC, as a keyboard sends them. */
const KEYS = { interrupt: "\x03", endOfFile: "\x04", suspend: "\x1a", escape: "\x1b", enter: "\r" } as const;

/** The shell's prompt, and busybox's question where the cursor is. */
const PROMPT = /ready> (?:\x1b\[6n)?$/;

describe("a container's terminal", () => {
  const host = useHost();

  describe("with a shell", () => {
    let terminal: Terminal;
    /** Types a line and gives what the shell prints up to its next prompt. */
    const answer = async (line: string): Promise<string> => {
      terminal.type(`${line}${KEYS.enter}`);
      const { input } = await terminal.screen.expect(PROMPT);
      return input
        .slice(input.indexOf("\n") + 1)
        .replace(PROMPT, "")
        .replaceAll("\r\n", "\n");
    };
    before(async () => {
      const vch = `bin/vch run --rm -it -e 'PS1=ready> ' ${DEMO_IMAGE} sh -c 'stty size; exec sh'`;
      terminal = new Terminal(
        host,
        `before=$(stty -g); ${vch}; echo status $?; [ "$before" = "$(stty -g)" ] && echo restored`,
        {
          columns: 101,
          rows: 37,
        },
      );
    });
    after(() => terminal.close());

    it("has the user's size before its program reads it", async () => {
      await terminal.screen.expect(/^37 101\r\n/m);
      await terminal.screen.expect(PROMPT);
    });

    it("has a name in the container, and belongs to the process's user", async () => {
      assert.equal(await answer("tty"), "/dev/pts/0\n");
      assert.equal(await answer("ls -ln /dev/pts/0 | awk '{ print $1, $3, $4 }'"), "crw--w---- 0 5\n");
      assert.equal(await answer("echo by name > $(tty)"), "by name\n");
      assert.equal(await answer("echo $TERM"), "xterm\n");
    });

    it("is the shell's controlling terminal: job control works", async () => {
      assert.equal(await answer("echo to the terminal > /dev/tty"), "to the terminal\n");
      assert.match(await answer("sleep 1000 & jobs"), /Running\s+sleep 1000/);
      assert.match(await answer("kill %1; wait %1; echo $?"), /143/);
    });

    it("passes ^C to the foreground process only", async () => {
      terminal.type(`sh -c 'echo waiting; sleep 1000'; echo "ended with $?"${KEYS.enter}`);
      await terminal.screen.expect(/\nwaiting\r\n/);
      terminal.type(KEYS.interrupt);
      await terminal.screen.expect(PROMPT);
      assert.equal(await answer("echo still here"), "still here\n");
    });

    it("suspends with ^Z and goes on in the foreground", async () => {
      terminal.type(`sh -c 'echo waiting; read line; echo "read $line"'${KEYS.enter}`);
      await terminal.screen.expect(/\nwaiting\r\n/);
      terminal.type(KEYS.suspend);
      await terminal.screen.expect(PROMPT);
      assert.match(await answer("jobs"), /Stopped/);
      terminal.type(`fg${KEYS.enter}`);
      await terminal.screen.expect(/fg\r\n/);
      terminal.type(`something${KEYS.enter}`);
      await terminal.screen.expect(/read something\r\n/);
      await terminal.screen.expect(PROMPT);
    });

    it("tells its program of a new size", async () => {
      terminal.type(`sh -c 'trap "stty size" WINCH; echo waiting; while :; do sleep 0.1; done'${KEYS.enter}`);
      await terminal.screen.expect(/\nwaiting\r\n/);
      terminal.resize(66, 22);
      await terminal.screen.expect(/^22 66\r\n/m);
      terminal.type(KEYS.interrupt);
      await terminal.screen.expect(PROMPT);
    });

    it("runs vi, which saves a file", async () => {
      terminal.type(`vi /tmp/letter${KEYS.enter}`);
      // The editor's last line: what is typed before it has the terminal is not its.
      await terminal.screen.expect(/- \/tmp\/letter 1\/1/);
      terminal.type("iDear reader,\r\ryours");
      await terminal.screen.expect(/yours/);
      terminal.type(KEYS.escape);
      await terminal.screen.expect(/- \/tmp\/letter \[Modified\]/);
      terminal.type(`:wq${KEYS.enter}`);
      await terminal.screen.expect(PROMPT);
      assert.equal(await answer("cat /tmp/letter"), "Dear reader,\n\nyours\n");
    });

    it("carries much at once, in both directions", async () => {
      assert.equal(
        (await answer("seq 1 20000")).length,
        "1\n".length * 9 + 3 * 90 + 4 * 900 + 5 * 9000 + 6 * 10001,
      );
      // The kernel may print an echo later than what comes behind it, when there is much of both (n_tty.c).
      await answer("stty -echo");
      terminal.type(
        `cat > /tmp/typed; echo all is $((40 + 2))${KEYS.enter}${`${"typed ".repeat(100)}\r`.repeat(100)}${KEYS.endOfFile}`,
      );
      await terminal.screen.expect(/all is 42\r\n/);
      await terminal.screen.expect(PROMPT);
      // Without an echo the shell shows no line that is typed, which is what answer() leaves out.
      terminal.type(`wc /tmp/typed; stty echo${KEYS.enter}`);
      await terminal.screen.expect(/^\s*100\s+10000\s+60100 \/tmp\/typed\r\n/m);
      await terminal.screen.expect(PROMPT);
    });

    it("ends the shell with ^D, and the command with the shell's status", async () => {
      terminal.type(`(exit 5)${KEYS.enter}`);
      await terminal.screen.expect(PROMPT);
      terminal.type(KEYS.endOfFile);
      await terminal.screen.expect(/status 5\r\n/);
    });

    it("is the user's again afterwards, as it was", async () => {
      await terminal.screen.expect(/restored\r\n/);
      assert.equal(await terminal.ended, 0);
    });
  });

  it("ends its program and the command when it is closed", async () => {
    const terminal = new Terminal(host, `exec bin/vch run --rm -it ${DEMO_IMAGE} sh`, {
      columns: 80,
      rows: 24,
    });
    await terminal.screen.expect(/# (?:\x1b\[6n)?$/);
    terminal.close();
    // SIGHUP for the shell, which ends with it.
    assert.equal(await terminal.ended, 129);
    host.assertNothingLeft();
  });

  it("is refused when the input is no terminal", async () => {
    const result = await host.run(["run", "--rm", "-it", DEMO_IMAGE, "sh"], { input: "" });
    assert.equal(result.status, 1);
    assert.equal(result.stderr.toString(), "vch: the input device is not a TTY\n");
  });

  it("is there without -i too, and without one on this side", async () => {
    const { status, stdout, complaints } = await host.run([
      "run",
      "--rm",
      "-t",
      DEMO_IMAGE,
      "sh",
      "-c",
      "tty; stty size; echo error >&2",
    ]);
    assert.equal(stdout.toString(), "/dev/pts/0\r\n24 80\r\nerror\r\n");
    assert.deepEqual([status, complaints], [0, []]);
  });
});
