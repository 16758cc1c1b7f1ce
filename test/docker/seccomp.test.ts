import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { compareLines } from "../support/docker-comparison.ts";
import { IMAGE, useDockerPair } from "../support/docker-pair.ts";
import { askBoth } from "../support/docker-questions.ts";
import { describeSaid } from "../support/docker-said.ts";
import { DIFFERENCES } from "./differences.ts";

const equals = (index: number, value: number): object => ({ index, value, op: "SCMP_CMP_EQ" });

const PROFILES: Readonly<Record<string, object | string>> = {
  "a few calls refused": {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" },
      { name: "sethostname", action: "SCMP_ACT_ERRNO", errnoRet: 38 },
      // kill(2) with SIGUSR1, and chmod(2) with 0600.
      { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [equals(1, 10)] },
      {
        names: ["chmod"],
        action: "SCMP_ACT_ERRNO",
        args: [{ index: 1, value: 0o700, valueTwo: 0o600, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ],
  },
  "what depends on capabilities, architectures and kernels": {
    defaultAction: "SCMP_ACT_ALLOW",
    archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
    syscalls: [
      { names: ["mkdir"], action: "SCMP_ACT_ERRNO", includes: { caps: ["CAP_CHOWN"], minKernel: "4.8" } },
      { names: ["sethostname"], action: "SCMP_ACT_ERRNO", excludes: { arches: ["amd64"] } },
      { names: ["kill"], action: "SCMP_ACT_ERRNO", includes: { caps: ["CAP_SYS_ADMIN"] } },
      { names: ["chmod"], action: "SCMP_ACT_ERRNO", excludes: { caps: ["CAP_SYS_ADMIN"] } },
    ],
  },
  "rules that are at odds": {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [equals(1, 10), equals(1, 12)] },
      { names: ["chmod"], action: "SCMP_ACT_ERRNO", args: [equals(1, 0o600)] },
      { names: ["chmod"], action: "SCMP_ACT_ERRNO" },
    ],
  },
  // Debian's of containers-common, which skopeo brings along.
  "the default profile of Podman": "/usr/share/containers/seccomp.json",
};

const QUESTIONS = {
  mkdir: "mkdir /tmp/made",
  hostname: "hostname renamed",
  kill: "sh -c 'trap : USR1 USR2 HUP; kill -USR1 $$; kill -USR2 $$; kill -HUP $$' 2>&1 | sed 's/pid [0-9]*/pid N/'",
  chmod: "touch /tmp/f; chmod 600 /tmp/f; chmod 640 /tmp/f; chmod 700 /tmp/f",
  unshare: "unshare -m true",
  mount: "mount -t tmpfs x /mnt",
  status: "grep ^Seccomp: /proc/self/status",
};

const BAD: Readonly<Record<string, string>> = {
  "no JSON": "{",
  "an unknown action": '{"defaultAction":"SCMP_ACT_SHRUG"}',
  "both names":
    '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}',
};

describe("a seccomp profile under Docker and in a container VM", () => {
  const pair = useDockerPair();
  const write = (name: string, content: object | string): string => {
    const path = pair.host.file(`${name.replaceAll(" ", "-")}.json`);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, undefined, 2));
    return `seccomp=${path}`;
  };

  for (const [name, profile] of Object.entries(PROFILES)) {
    for (const options of [[], ["--cap-add", "SYS_ADMIN"]]) {
      it(`is the same: ${[name, ...options].join(" ")}`, async () => {
        const option = typeof profile === "string" ? `seccomp=${profile}` : write(name, profile);
        const answers = await askBoth(
          pair,
          ["run", "--rm", ...options, "--security-opt", option, IMAGE],
          QUESTIONS,
        );
        for (const [question, answer] of Object.entries(answers))
          compareLines(answer, { question: `seccomp: ${question}`, surroundings: name }, DIFFERENCES);
      });
    }
  }

  for (const [name, content] of Object.entries(BAD)) {
    it(`is refused by both: ${name}`, async () => {
      const { docker, vch } = await pair.both([
        "run",
        "--rm",
        "--security-opt",
        write(name, content),
        IMAGE,
        "true",
      ]);
      const answers = { docker: describeSaid(docker), vch: describeSaid(vch) };
      compareLines(answers, { question: `seccomp: ${name}`, surroundings: "command" }, DIFFERENCES);
    });
  }

  it("that is not there is refused by both", async () => {
    const { docker, vch } = await pair.both([
      "run",
      "--rm",
      "--security-opt",
      "seccomp=/none.json",
      IMAGE,
      "true",
    ]);
    assert.deepEqual([docker.status, vch.status], [125, 125]);
    for (const { err } of [docker, vch])
      assert.match(err, /opening seccomp profile \(\/none\.json\) failed: .*\/none\.json/i);
  });
});
