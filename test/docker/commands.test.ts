import { compareLines } from "../support/docker-comparison.ts";
import { type DockerPair, IMAGE, useDockerPair } from "../support/docker-pair.ts";
import { describeSaid } from "../support/docker-said.ts";
import { DIFFERENCES } from "./differences.ts";

/** Prints on both outputs, and ends with 3 when it is asked to stop. */
const SERVICE =
  "trap 'echo stopping; exit 3' TERM; echo started; echo problem >&2; while :; do sleep 1000 & wait $!; done";

/** Six processes in all, with the service's two and this shell. */
const THREE_MORE = "sleep 0.5 & sleep 0.5 & sleep 0.5 & wait";

const words = (line: string): string[] => line.split(" ");
const shell = (script: string, ...options: string[]): string[] => [
  "exec",
  ...options,
  "it",
  "sh",
  "-c",
  script,
];

const inspectBad = (): string[] => [
  ...["inspect", "-f"],
  "{{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.FinishedAt}}\n{{.State.Error}}",
  "bad",
];

/** Commands in the order in which they are given, by what they show. `it` runs the service. */
const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ["a name that is taken", ["run", "--rm", "--name", "it", IMAGE, "true"]],
  ["a name that is none", ["run", "--rm", "--name", "a/b", IMAGE, "true"]],
  ["a program that is not found", ["run", "--rm", IMAGE, "nosuch"]],
  ["a path that is not found", ["run", "--rm", IMAGE, "/no/such"]],
  ["a file that is no program", ["run", "--rm", IMAGE, "/etc/passwd"]],
  ["a user who is not found", ["run", "--rm", "-u", "nosuch", IMAGE, "true"]],
  ["a group that is not found", ["run", "--rm", "-u", "demo:nosuch", IMAGE, "true"]],
  ["a directory that is a file", ["run", "--rm", "-w", "/etc/passwd", IMAGE, "true"]],
  ["a directory that is relative", ["run", "--rm", "-w", "relative", IMAGE, "true"]],
  ["a capability that is unknown", ["run", "--rm", "--cap-add", "FLY", IMAGE, "true"]],
  ["a limit that is unknown", ["run", "--rm", "--ulimit", "nosuch=1", IMAGE, "true"]],
  ["a limit whose soft is above its hard", ["run", "--rm", "--ulimit", "nofile=20:10", IMAGE, "true"]],
  ["an oom score that is none", ["run", "--rm", "--oom-score-adj", "2000", IMAGE, "true"]],
  ["a limit of processes that is none", ["run", "--rm", "--pids-limit", "x", IMAGE, "true"]],
  ["a limit of processes that is too large", ["run", "--rm", "--pids-limit", "9".repeat(20), IMAGE, "true"]],
  [
    "more processes than the limit",
    ["run", "--rm", "--pids-limit", "5", IMAGE, "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 9 & done; wait"],
  ],
  ...["-1", "0", "20", "-5"].flatMap((limit): (readonly [string, readonly string[]])[] => [
    [
      `a limit of ${limit} processes: taken`,
      ["run", "--name", "limited", "--pids-limit", limit, IMAGE, "true"],
    ],
    [`a limit of ${limit} processes: shown`, ["inspect", "-f", "{{json .HostConfig.PidsLimit}}", "limited"]],
    [`a limit of ${limit} processes: removed`, ["rm", "limited"]],
  ]),
  [
    "a /dev/shm of its own size",
    ["run", "--rm", "--shm-size", "1.5m", IMAGE, "sh", "-c", "df -k /dev/shm | tail -1 | cut -c6-"],
  ],
  [
    "a /dev/shm of 100 bytes",
    ["run", "--rm", "--shm-size", "100", IMAGE, "sh", "-c", "df -k /dev/shm | tail -1 | cut -c6-"],
  ],
  ["a /dev/shm of no size", ["run", "--rm", "--shm-size", "x", IMAGE, "true"]],
  [
    "hosts of its own",
    [
      ...["run", "--rm", "--add-host", "one:1.2.3.4", "--add-host", "two:::1", IMAGE],
      ...["sh", "-c", "grep -E 'one|two' /etc/hosts"],
    ],
  ],
  ["a host without an address", ["run", "--rm", "--add-host", "x", IMAGE, "true"]],
  ["a host with a wrong address", ["run", "--rm", "--add-host", "a:b", IMAGE, "true"]],
  [
    "shm and hosts: made",
    ["run", "--name", "shown", "--shm-size", "1m", "--add-host", "a:1.2.3.4", IMAGE, "true"],
  ],
  [
    "shm and hosts: shown",
    ["inspect", "-f", "{{.HostConfig.ShmSize}} {{json .HostConfig.ExtraHosts}}", "shown"],
  ],
  ["shm and hosts: removed", ["rm", "shown"]],
  ["an id file that is there", ["run", "--rm", "--cidfile", "/etc/passwd", IMAGE, "true"]],
  ["a security option that is unknown", ["run", "--rm", "--security-opt", "nosuch", IMAGE, "true"]],
  ["a stop signal that is unknown", ["run", "--rm", "--stop-signal", "nosuch", IMAGE, "true"]],
  ["a variable without a name", ["run", "--rm", "-e", "=x", IMAGE, "true"]],
  ["an option that is unknown", ["run", "--nosuch", IMAGE, "true"]],
  ["--rm with --restart", ["run", "--rm", "--restart", "always", IMAGE, "true"]],
  ["a restart policy that is unknown", ["run", "--restart", "nosuch", IMAGE, "true"]],
  ["an entrypoint with arguments", ["run", "--rm", "--entrypoint", "echo", IMAGE, "-n", "a  b", "", "*"]],
  ["an entrypoint in place of all", ["run", "--rm", "--entrypoint", "id", IMAGE]],
  ["outputs apart", ["run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7"]],
  ["only one output", ["run", "--rm", "-a", "stderr", IMAGE, "sh", "-c", "echo out; echo err >&2"]],
  ["-t without a terminal", ["run", "--rm", "-it", IMAGE, "true"]],
  [
    "a process that its own signal cannot end",
    ["run", "--rm", IMAGE, "sh", "-c", "kill -TERM $$; echo goes on"],
  ],
  ["a process killed from beside", ["run", "--rm", "--init", IMAGE, "sh", "-c", "kill -SEGV $$"]],

  ["exec: a program that is not found", words("exec it nosuch")],
  ["exec: a path that is not found", words("exec it /no/such")],
  ["exec: a file that is no program", words("exec it /etc/passwd")],
  ["exec: a directory as a program", words("exec it /etc")],
  ["exec: no program", ["exec", "it", ""]],
  ["exec: no command", words("exec it")],
  ["exec: a user who is not found", words("exec -u nosuch it true")],
  ["exec: a group that is not found", words("exec -u demo:nosuch it true")],
  ["exec: a directory that is missing", words("exec -w /no/such it true")],
  ["exec: a directory that is a file", words("exec -w /etc/passwd it true")],
  ["exec: a directory that is relative", words("exec -w relative it true")],
  ["exec: -t without a terminal", words("exec -it it true")],
  ["exec: detached", words("exec -d it true")],
  ["exec: detached, not found", words("exec -d it nosuch")],
  ["exec: an option that is unknown", words("exec --nosuch it true")],
  [
    "exec: arguments as they are",
    ["exec", "it", "printf", "%s|", "a b", "", "$HOME", "x\ny", "--", "-e", "\\"],
  ],
  ["exec: outputs apart", shell("echo out; echo err >&2; exit 5")],
  ["exec: the input of nobody", shell("cat; echo end")],
  ["exec: a background process that goes on", shell("sleep 1000 & echo left; exit 4")],
  ...[0, 1, 2, 64, 125, 126, 127, 128, 129, 137, 143, 254, 255].map(
    (code) => [`exec: exit code ${code}`, shell(`exit ${code}`)] as const,
  ),
  ...[
    "HUP",
    "INT",
    "QUIT",
    "ABRT",
    "BUS",
    "FPE",
    "KILL",
    "USR1",
    "SEGV",
    "PIPE",
    "TERM",
    "SYS",
    "34",
    "64",
  ].map((signal) => [`exec: ended by ${signal}`, shell(`kill -${signal} $$; sleep 9`)] as const),

  ["logs", words("logs it")],
  ["logs: the last", words("logs --tail 2 it")],
  ["logs: with details", words("logs --details it")],
  ["top", words("top it -o pid,comm")],
  ["rename: the same name", words("rename it it")],
  ["rename: a name that is none", words("rename it a/b")],
  ["kill: an unknown signal", words("kill -s NOSUCH it")],
  ["kill: a number too high", words("kill -s 65 it")],
  ["unpause: not paused", words("unpause it")],
  ["rm: running", words("rm it")],
  ["start: running", words("start it")],
  ["pause", words("pause it")],
  ["pause: again", words("pause it")],
  ["exec: paused", words("exec it true")],
  ["attach: paused", words("attach it")],
  ["ps: paused", ["ps", "--format", "{{.Names}} {{.State}}"]],
  ["unpause", words("unpause it")],
  ["ps: a filter that is unknown", words("ps --filter nosuch=1")],
  ["update: nothing", words("update it")],
  ["update: a limit of processes", words("update --pids-limit 4 it")],
  ["update: a limit of processes: shown", ["inspect", "-f", "{{.HostConfig.PidsLimit}}", "it"]],
  ["update: a limit of processes: held", shell(`${THREE_MORE}; echo not reached`)],
  ["update: a limit of processes that is none", words("update --pids-limit x it")],
  ["update: a limit of processes: lifted", words("update --pids-limit 400 it")],
  ["update: a limit of processes: no more", shell(`${THREE_MORE}; echo reached`)],
  ["update: a policy that is unknown", words("update --restart nosuch it")],
  ["stop", words("stop it")],
  ["stop: again", words("stop it")],
  ["wait: ended", words("wait it")],
  [
    "inspect: state",
    ["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}", "it"],
  ],
  ["logs: ended", words("logs it")],
  ["exec: ended", words("exec it true")],
  ["kill: ended", words("kill it")],
  ["pause: ended", words("pause it")],
  ["top: ended", words("top it")],
  ["attach: ended", words("attach it")],
  ["rm", words("rm it")],
  ...[
    "start",
    "stop",
    "restart",
    "kill",
    "pause",
    "unpause",
    "wait",
    "logs",
    "top",
    "attach",
    "rm",
    "inspect",
  ].map((verb) => [`${verb}: no such container`, [verb, "nosuch"]] as const),
  ["exec: no such container", words("exec nosuch true")],
  ["rename: no such container", words("rename nosuch other")],
  ["cp: no such container", words("cp nosuch:/x -")],
  ["failed start: in the background", ["run", "-d", "--name", "bad", IMAGE, "nosuch"]],
  ["failed start: its state", inspectBad()],
  [
    "failed start: in the list",
    ["ps", "-a", "--filter", "name=bad", "--format", "{{.Names}} {{.State}} {{.Status}}"],
  ],
  ["failed start: its exit status", words("wait bad")],
  ["failed start: its log", words("logs bad")],
  ["failed start: its name is taken", ["run", "--name", "bad", IMAGE, "true"]],
  ["failed start: removed", words("rm bad")],
  ["failed start: in the foreground", ["run", "--name", "bad", IMAGE, "/etc/passwd"]],
  ["failed start: its state afterwards", inspectBad()],
  ["failed start: removed again", words("rm bad")],
  ["failed start: to be removed", ["run", "-d", "--rm", "--name", "bad", IMAGE, "nosuch"]],
  ["failed start: is removed", words("inspect bad")],
  ["several: some of them", words("stop nosuch neither")],
  ["a command that is unknown", words("nosuch")],
  ["stop: a time that is none", words("stop -t x it")],
];

describe("a command given to Docker and to vch", () => {
  const pair = useDockerPair();

  before(() => startService(pair));
  after(async () => {
    await pair.both(["rm", "-f", "it"]);
  });

  for (const [question, command] of COMMANDS) {
    it(`says the same: ${question}`, async () => {
      const { docker, vch } = await pair.both(command);
      const answers = { docker: describeSaid(docker), vch: describeSaid(vch) };
      compareLines(answers, { question, surroundings: "command" }, DIFFERENCES);
    });
  }
});

/** Resolves when the service has printed. */
async function startService(pair: DockerPair): Promise<void> {
  await pair.prepare("run", "-d", "--name", "it", IMAGE, "sh", "-c", SERVICE);
  await pair.prepare("exec", "it", "sh", "-c", "until grep -q ^sleep /proc/[0-9]*/comm; do true; done");
}
