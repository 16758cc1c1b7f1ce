import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { compareLines } from "../support/docker-comparison.ts";
import { IMAGE, type Side, useDockerPair } from "../support/docker-pair.ts";
import { describeSaid } from "../support/docker-said.ts";
import { DIFFERENCES } from "./differences.ts";

/** Copies in order; FROM is a folder of files, TO one of each side's own. */
const COPIES: readonly (readonly string[])[] = [
  ["FROM/file", "it:/"],
  ["FROM/file", "it:/new"],
  ["FROM/file", "it:/tmp/"],
  ["FROM/file", "it:/none/"],
  ["FROM/file", "it:/none/file"],
  ["FROM/file", "it:/etc/passwd/"],
  ["FROM/tree", "it:/"],
  ["FROM/tree", "it:/other"],
  ["FROM/tree/.", "it:/tmp"],
  ["FROM/tree", "it:/file"],
  ["-a", "FROM/tree", "it:/kept"],
  ["-a", "FROM/tree", "its:/kept"],
  ["FROM/tree", "its:/other"],
  ["-L", "FROM/tree/link", "it:/followed"],
  ["FROM/none", "it:/"],
  ["it:/tree", "TO"],
  ["it:/tree", "TO/other"],
  ["it:/tree/.", "TO/content"],
  ["-a", "it:/kept", "TO"],
  ["it:/tree/link", "TO/link"],
  ["-L", "it:/tree/link", "TO/followed"],
  ["it:/none", "TO"],
  ["it:/file", "TO/none/"],
  ["it:/etc/passwd", "TO"],
];

describe("files copied to and from a container that does not run, by Docker and by vch", () => {
  const pair = useDockerPair();
  const folderOf = (side: Side): string => pair.host.file(side);
  const words = (side: Side, copy: readonly string[]): string[] => [
    "cp",
    ...copy.map((word) => word.replace(/^FROM/, pair.host.file("from")).replace(/^TO/, folderOf(side))),
  ];

  before(async () => {
    const from = (name: string): string => pair.host.file("from", name);
    mkdirSync(from("tree/sub"), { recursive: true });
    for (const side of ["docker", "vch"] as const) mkdirSync(folderOf(side));
    writeFileSync(from("file"), "file\n", { mode: 0o640 });
    writeFileSync(from("tree/sub/program"), "#!/bin/sh\n", { mode: 0o755 });
    symlinkSync("sub/program", from("tree/link"));
    execFileSync("chown", ["-hR", "1234:5678", from("tree")]);
    const list = "ls -lnR /file /new /tmp /tree /other /kept /followed | sed 's/[A-Z][a-z][a-z] .*:.. / /'";
    // Docker 20.10 looks the user up on its own machine: one that both have.
    for (const [name, user] of [
      ["it", ""],
      ["its", "www-data"],
    ] as const)
      await pair.prepare("create", "--name", name, "-u", user, IMAGE, "sh", "-c", list);
  });
  for (const copy of COPIES) {
    it(`end the same: ${copy.join(" ")}`, async () => {
      const [docker, vch] = [
        await pair.call("docker", words("docker", copy)),
        await pair.call("vch", words("vch", copy)),
      ];
      const answer = (side: Side, said: typeof docker): string =>
        describeSaid(said).replaceAll(folderOf(side), "TO").replaceAll(pair.host.file("from"), "FROM");
      const answers = { docker: answer("docker", docker), vch: answer("vch", vch) };
      compareLines(answers, { question: `cp ${copy.join(" ")}`, surroundings: "copy" }, DIFFERENCES);
    });
  }

  it("are the same here; but vch's -a keeps their owners, as its help says", () => {
    const list = (side: Side): string[] =>
      execFileSync("find", [folderOf(side), "-mindepth", "1", "-printf", "%P %U:%G %m %y %l\\n"], {
        encoding: "utf8",
      })
        .split("\n")
        .sort();
    const kept = /^kept/;
    assert.deepEqual(
      list("vch").map((line) => (kept.test(line) ? line.replace("1234:5678", "0:0") : line)),
      list("docker"),
    );
    assert.equal(list("vch").filter((line) => kept.test(line) && line.includes("1234:5678")).length, 4);
  });

  for (const name of ["it", "its"]) {
    it(`are the same in ${name}`, async () => {
      const { docker, vch } = await pair.both(["start", "-a", name]);
      await pair.both(["rm", "-f", name]);
      assert.equal(vch.out, docker.out);
      assert.match(vch.out, /program/);
    });
  }
});
