import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { type DockerPair, IMAGE, type Side, useDockerPair } from "../support/docker-pair.ts";
import { Watched } from "../support/vm-watched.ts";

const SIDES: readonly Side[] = ["docker", "vch"];

/** Real-time signals have no names in Node: the first that a program may use, and the last. */
const RTMIN = 34;
const RTMAX = 64;

/** How a signal is written, and its number. */
const SIGNALS: readonly (readonly [string, number])[] = [
  ["USR1", constants.signals.SIGUSR1],
  ["SIGUSR2", constants.signals.SIGUSR2],
  ["hup", constants.signals.SIGHUP],
  ["2", constants.signals.SIGINT],
  ["SIGWINCH", constants.signals.SIGWINCH],
  ["RTMIN", RTMIN],
  ["RTMIN+3", RTMIN + 3],
  ["SIGRTMAX-1", RTMAX - 1],
  ["64", RTMAX],
];

/** Tells of every signal by its number; goes on after SIGTERM. */
const TELLER = `${[...SIGNALS.map(([, number]) => number), constants.signals.SIGTERM]
  .map((number) => `trap 'echo got ${number}' ${number}`)
  .join("; ")}; echo ready; while :; do sleep 1000 & wait $!; done`;

/** A command of one side whose output is waited for. */
function follow(
  pair: DockerPair,
  side: Side,
  words: readonly string[],
): {
  readonly out: Watched;
  readonly input: NodeJS.WritableStream;
  readonly status: Promise<number>;
  end(signal?: NodeJS.Signals): void;
} {
  const { program, args, environment } = pair.command(side, words);
  const child = spawn(program, args, { env: environment, stdio: ["pipe", "pipe", "ignore"] });
  const status = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? -1));
  });
  return {
    out: new Watched(child.stdout),
    input: child.stdin,
    status,
    end: (signal) => void child.kill(signal),
  };
}

describe("the life of a container", () => {
  const pair = useDockerPair();

  for (const side of SIDES) {
    describe(`of ${side}`, () => {
      const call = async (...words: string[]): Promise<string> => {
        const { status, out, err } = await pair.call(side, words);
        assert.equal(status, 0, `${words.join(" ")}: ${err}`);
        return out.trim();
      };
      const stateOf = (name: string): Promise<string> =>
        call("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
      const run = (name: string, ...words: string[]): Promise<string> =>
        call("run", "-d", "--name", name, ...words);
      const logs = (name: string): ReturnType<typeof follow> => follow(pair, side, ["logs", "-f", name]);

      it("gets signals by name and number, real-time ones too, and stops by force after the grace", async () => {
        await run("teller", IMAGE, "sh", "-c", TELLER);
        const log = logs("teller");
        await log.out.expect(/ready\n/);
        for (const [text, number] of SIGNALS) {
          await call("kill", "-s", text, "teller");
          await log.out.expect(new RegExp(`^got ${number}\n$`));
        }
        await call("stop", "-t", "1", "teller");
        assert.match(log.out.text, /got 15\n$/);
        assert.equal(await log.status, 0);
        assert.equal(await stateOf("teller"), "exited 137");
        assert.equal(await call("wait", "teller"), "137");
        await call("rm", "teller");
      });

      it("is stopped by its own stop signal, starts again, restarts, and keeps its log", async () => {
        const script = "trap 'echo asked; exit 5' QUIT; echo ready; while :; do sleep 1000 & wait $!; done";
        await run("polite", "--stop-signal", "QUIT", IMAGE, "sh", "-c", script);
        const first = logs("polite");
        await first.out.expect(/ready\n/);
        await call("stop", "polite");
        assert.equal(await stateOf("polite"), "exited 5");
        await call("start", "polite");
        const second = logs("polite");
        await second.out.expect(/ready\nasked\nready\n/);
        await call("restart", "polite");
        const third = logs("polite");
        await third.out.expect(/^ready\nasked\nready\nasked\nready\n/);
        await call("kill", "polite");
        assert.equal(await stateOf("polite"), "exited 137");
        await call("rm", "polite");
      });

      it("stands still while it is paused", async () => {
        await run(
          "frozen",
          // Docker lets a paused container go on for a signal that may be its stop signal, for want of one.
          ...["--stop-signal", "TERM", IMAGE],
          "sh",
          "-c",
          "trap 'echo awake' USR1; echo ready; while :; do sleep 1000 & wait $!; done",
        );
        const log = logs("frozen");
        await log.out.expect(/ready\n/);
        await call("pause", "frozen");
        assert.equal(await stateOf("frozen"), "paused 0");
        await call("kill", "-s", "USR1", "frozen");
        assert.equal(log.out.text, "ready\n");
        await call("unpause", "frozen");
        await log.out.expect(/awake\n/);
        await call("rm", "-f", "frozen");
      });

      it("gets its input, and its end; its output goes on behind that", async () => {
        const cat = follow(pair, side, ["run", "--rm", "-i", IMAGE, "sh", "-c", "cat; echo ended; exit 6"]);
        cat.input.write("first\n");
        await cat.out.expect(/^first\n$/);
        cat.input.end("last\n");
        await cat.out.expect(/^last\nended\n$/);
        assert.equal(await cat.status, 6);
      });

      it("tells of the end of what was executed in the background, and nothing of what could not be", async () => {
        await run("busy", IMAGE, "sleep", "100000");
        await call("exec", "-d", "busy", "sh", "-c", "sleep 0.2; exit 5");
        assert.notEqual((await pair.call(side, ["exec", "-d", "busy", "nosuch"])).status, 0);
        const events = follow(pair, side, ["events", "--since", "1m", "--filter", "container=busy"]);
        await events.out.expect(/(?: container exec_die .*exitCode=5.*\n)/);
        assert.equal(events.out.text.match(/exec_die/g)?.length, 1);
        events.end();
        await call("rm", "-f", "busy");
      });

      it("tells of the end of what was executed once, also when its client has gone before", async () => {
        await run("left", IMAGE, "sleep", "100000");
        const client = follow(pair, side, [
          "exec",
          "left",
          "sh",
          "-c",
          "echo on; until [ -e /go ]; do sleep 0.1; done; exit 6",
        ]);
        await client.out.expect(/^on\n$/);
        client.end("SIGKILL");
        await client.status;
        await call("exec", "left", "touch", "/go");
        const events = follow(pair, side, ["events", "--since", "1m", "--filter", "container=left"]);
        await events.out.expect(/(?: container exec_die .*exitCode=6.*\n)/);
        assert.equal((await pair.call(side, ["exec", "left", "sh", "-c", "exit 7"])).status, 7);
        await events.out.expect(/(?: container exec_die .*exitCode=7.*\n)/);
        // Behind everything that was told of the execs.
        await call("pause", "left");
        await events.out.expect(/ container pause /);
        for (const code of [0, 6, 7])
          assert.equal(events.out.text.match(new RegExp(`exec_die .*exitCode=${code}`, "g"))?.length, 1);
        events.end();
        await call("rm", "-f", "left");
      });

      it("is waited for until its process ends, also when that is started again", async () => {
        await run(
          "waited",
          "--restart",
          "always",
          IMAGE,
          "sh",
          "-c",
          "until [ -e /go ]; do sleep 0.1; done; rm /go; exit 7",
        );
        const ended = follow(pair, side, ["wait", "waited"]);
        await call("exec", "waited", "touch", "/go");
        await ended.out.expect(/^7\n$/);
        assert.equal(await ended.status, 0);
        await call("rm", "-f", "waited");
      });

      it("is told to start again by its policy, and how often", async () => {
        await run("again", "--restart", "on-failure:2", IMAGE, "sh", "-c", "echo run; exit 3");
        // \`wait\` and \`logs -f\` of Docker's may end with the first run.
        const events = follow(pair, side, ["events", "--since", "1m", "--filter", "container=again"]);
        await events.out.expect(/(?: container die .*\n[^]*){3}/);
        events.end();
        assert.equal(await call("wait", "again"), "3");
        assert.equal(await call("inspect", "-f", "{{.RestartCount}} {{.State.ExitCode}}", "again"), "2 3");
        await call("rm", "again");
      });
    });
  }
});
