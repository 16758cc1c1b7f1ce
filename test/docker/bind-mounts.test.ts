import assert from "node:assert/strict";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { compareLines } from "../support/docker-comparison.ts";
import { IMAGE, type Side, useDockerPair } from "../support/docker-pair.ts";
import { describeSaid } from "../support/docker-said.ts";
import { DIFFERENCES } from "./differences.ts";

/** Options of containers that are created only. FROM is a folder of this machine. */
const CREATED: readonly (readonly string[])[] = [
  ["-v", "FROM:/x"],
  ["-v", "FROM//./:/x/:ro,z"],
  ["-v", "FROM/file:/x:rw"],
  ["-v", "FROM/missing:/x"],
  ["--mount", "type=bind,src=FROM,dst=/x"],
  ["--mount", "type=bind,source=FROM/file,target=/x,readonly"],
  ["--mount", "type=bind,src=FROM,dst=/x,bind-propagation=rslave"],
  ["-v", "FROM:/x:slave"],
];

/** Options that are refused. */
const REFUSED: readonly (readonly string[])[] = [
  ["--mount", "type=bind,src=FROM/missing,dst=/x"],
  ["--mount", "type=bind,dst=/x"],
  ["--mount", "type=bind,src=relative,dst=/x"],
  ["--mount", "type=bind,src=FROM,dst=x"],
  ["--mount", "type=bind,src=FROM,dst=/x,volume-nocopy"],
  ["--mount", "type=bind,src=FROM,dst=/x,tmpfs-size=1k"],
  ["--mount", "type=bind,src=FROM"],
  ["-v", "FROM:/x:rx"],
  ["-v", "FROM:/x:ro,rx"],
  ["-v", "FROM:/x:nocopy"],
  ["-v", "FROM:x"],
  ["-v", "FROM:/"],
  ["-v", "~/x:/x"],
  ["-v", "FROM:/x:ro:rw"],
  ["-v", "FROM:/x", "-v", "FROM/file:/x/"],
];

describe("folders of this machine, by Docker and by vch", () => {
  const pair = useDockerPair();
  const words = (options: readonly string[]): string[] =>
    options.map((word) => word.replaceAll("FROM", pair.host.file("from")));
  const ask = async (name: string, ...commands: string[][]): Promise<void> => {
    const answers: Record<Side, string> = { docker: "", vch: "" };
    for (const command of commands) {
      const said = await pair.both(words(command));
      for (const side of ["docker", "vch"] as const)
        answers[side] += describeSaid(said[side]).replaceAll(pair.host.file("from"), "FROM");
    }
    compareLines(answers, { question: name, surroundings: "bind" }, DIFFERENCES);
  };

  before(() => {
    mkdirSync(pair.host.file("from"));
    writeFileSync(pair.host.file("from", "file"), "file\n");
  });

  afterEach(() => pair.both(["rm", "-f", "it"]));

  for (const options of CREATED)
    it(`are the same for ${options.join(" ")}`, async () => {
      await pair.prepare("create", "--name", "it", ...words(options), IMAGE, "true");
      const inspect = "{{json .Mounts}}\n{{json .HostConfig.Binds}}";
      await ask(options.join(" "), ["inspect", "-f", inspect, "it"]);
    });

  for (const options of REFUSED)
    it(`are refused with the same words: ${options.join(" ")}`, async () => {
      await ask(options.join(" "), ["create", "--name", "it", ...options, IMAGE, "true"]);
    });

  it("are made when they are missing, by whom a container is started", async () => {
    for (const side of ["docker", "vch"] as const) {
      const source = pair.host.file("from", `made-${side}/deep`);
      const script = "stat -c '%a %u:%g %F' /x; ls -A /x; echo x > /x/y";
      const said = await pair.call(side, ["run", "--rm", "-v", `${source}:/x`, IMAGE, "sh", "-c", script]);
      assert.deepEqual(said, { status: 0, out: "755 0:0 directory\n", err: "" });
      assert.ok(statSync(`${source}/y`).isFile());
    }
  });
});
