import { compareLines } from "../support/docker-comparison.ts";
import { IMAGE, useDockerPair } from "../support/docker-pair.ts";
import { type Answers, askBoth } from "../support/docker-questions.ts";
import { DIFFERENCES } from "./differences.ts";
import { PROCESS } from "./questions.ts";

const NAME = "execs";

/** How the container is made, and below how an exec in it. */
const OPTIONS = [
  "-e",
  "FROM=container",
  "-w",
  "/tmp",
  "-u",
  "demo",
  "--group-add",
  "77",
  "--cap-drop",
  "SETGID",
];

const LIMITS = ["--ulimit", "nofile=1024:2048", "--ulimit", "nproc=500:600", "--ulimit", "core=0"];

const SURROUNDINGS: Readonly<Record<string, readonly string[]>> = {
  "an exec": [],
  "an exec of root": ["-u", "0"],
  "an exec of a user": ["-u", "www-data:tty"],
  "an exec with a directory": ["-w", "/etc"],
  "an exec with variables": ["-e", "FROM=exec", "-e", "A=1=2", "-e", "HOME=/x"],
  "a privileged exec": ["--privileged", "-u", "root"],
};

/** What the terminal of an exec or of a container is asked. */
const TERMINAL = {
  name: "tty; ls -ln $(tty) | awk '{ print $1, $3, $4 }'; ls /dev/pts; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all",
  settings: "stty -a 2>/dev/null | tail -n +2",
  size: "stty size",
  environment: "env | sort",
  session:
    'awk \'{ print ($1 == $6 ? "leads its session" : ""), $7, ($8 == $5 ? "in front" : "") }\' /proc/$$/stat',
  control: "echo through > /dev/tty; ls -l /proc/$$/fd | awk '{ print $NF }' | grep pts | sort -u",
};

describe("an exec under Docker and in a container VM", () => {
  const pair = useDockerPair();

  const compare = (
    surroundings: string,
    words: readonly string[],
    questions: Record<string, string>,
  ): void => {
    describe(`which is ${surroundings}`, () => {
      let answers: Answers;
      before(async () => {
        answers = await askBoth(pair, words, questions);
      });
      for (const question of Object.keys(questions)) {
        it(`has the same ${question}`, () => {
          const answer = answers[question] ?? { docker: "not asked", vch: "" };
          compareLines(answer, { question, surroundings }, DIFFERENCES);
        });
      }
    });
  };

  describe("in a container", () => {
    before(async () => {
      await pair.prepare("run", "-d", "--name", NAME, ...LIMITS, ...OPTIONS, IMAGE, "sleep", "100000");
    });
    after(async () => {
      await pair.prepare("rm", "-f", NAME);
    });

    for (const [surroundings, options] of Object.entries(SURROUNDINGS))
      compare(surroundings, ["exec", ...options, NAME], PROCESS);
    compare("an exec with a terminal", ["exec", "-t", NAME], TERMINAL);
  });
  compare("a container with a terminal", ["run", "--rm", "-t", "-u", "demo", IMAGE], TERMINAL);
});
