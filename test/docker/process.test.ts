import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { compareLines } from "../support/docker-comparison.ts";
import { IMAGE, useDockerPair } from "../support/docker-pair.ts";
import { type Answers, askBoth } from "../support/docker-questions.ts";
import { DIFFERENCES } from "./differences.ts";
import { CONTAINER, PROCESS } from "./questions.ts";

/** The limits that both get: dockerd here cannot give more than it has, and what it gives unasked is tested apart. */
const LIMITS = ["--ulimit", "nofile=1024:2048", "--ulimit", "nproc=500:600", "--ulimit", "core=0"];

/** How a container can be made differently. */
const SURROUNDINGS: Readonly<Record<string, readonly string[]>> = {
  default: [],
  "a user by name": ["-u", "demo"],
  "a user by number": ["-u", "1000"],
  "a user with a group": ["-u", "demo:tty"],
  "a user and a group by number": ["-u", "1234:5678"],
  "an unknown number": ["-u", "54321"],
  "further groups": ["-u", "demo", "--group-add", "tty", "--group-add", "77"],
  environment: [
    "-e",
    "A=1=2",
    "-e",
    "EMPTY=",
    "-e",
    "PATH=/bin",
    "-e",
    "HOME=/tmp",
    "-e",
    "UNSET",
    "-e",
    "SP= a  b ",
  ],
  "a working directory": ["-w", "/made/for/us"],
  limits: [
    "--ulimit",
    "memlock=65536",
    "--ulimit",
    "stack=4194304:8388608",
    "--ulimit",
    "fsize=1048576",
    "--ulimit",
    "cpu=100",
  ],
  "added capabilities": ["--cap-add", "SYS_ADMIN", "--cap-add", "sys_nice", "--cap-drop", "CAP_MKNOD"],
  "no capabilities": ["--cap-drop", "ALL"],
  "one capability": ["--cap-drop", "ALL", "--cap-add", "CHOWN"],
  "no new privileges": ["--security-opt", "no-new-privileges", "-u", "demo"],
  unconfined: ["--security-opt", "seccomp=unconfined"],
  "read-only": ["--read-only"],
  privileged: ["--privileged"],
  "a host name": ["--hostname", "box.example"],
  "an oom score": ["--oom-score-adj", "300"],
  init: ["--init"],
};

describe("a process under Docker and in a container VM", () => {
  const pair = useDockerPair();

  it("has the limits unasked that Debian's docker.service gives the engine, and so its containers", async () => {
    const unit = readFileSync("/lib/systemd/system/docker.service", "utf8");
    const limits = ["NOFILE", "NPROC", "CORE"].map((name) => {
      const limit = new RegExp(`^Limit${name}=(\\w+)$`, "m").exec(unit)?.[1];
      return limit === "infinity" ? "unlimited" : limit;
    });
    const script = "for l in n u c; do ulimit -S$l; ulimit -H$l; done";
    const { out } = await pair.call("vch", ["run", "--rm", IMAGE, "sh", "-c", script]);
    assert.deepEqual(
      out.trim().split("\n"),
      limits.flatMap((limit) => [limit, limit]),
    );
  });

  for (const [name, options] of Object.entries(SURROUNDINGS)) {
    const { devices, ...others } = { ...PROCESS, ...CONTAINER };
    // Privileged containers have the devices of their machines, which are two.
    const questions = name === "privileged" ? others : { ...others, devices };
    describe(`with ${name}`, () => {
      let answers: Answers;
      before(async () => {
        answers = await askBoth(pair, ["run", "--rm", ...LIMITS, ...options, IMAGE], questions);
      });
      for (const question of Object.keys(questions)) {
        it(`has the same ${question}`, () => {
          const answer = answers[question];
          if (answer === undefined) throw new Error("not asked");
          compareLines(answer, { question, surroundings: name }, DIFFERENCES);
        });
      }
    });
  }
});
