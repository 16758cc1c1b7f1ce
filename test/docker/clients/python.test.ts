import assert from "node:assert/strict";
import { join } from "node:path";
import { useServedHost } from "../../support/served-host.ts";

/** Debian's, which has Debian's packages. */
const PYTHON = "/usr/bin/python3";
const CLIENT = join(import.meta.dirname, "python_client.py");

/** Functions of the client's program, and what each shows. */
const TESTS = {
  run: "runs a container to its end and takes its output",
  run_failing: "is told how a container failed, and finds what it left",
  logs: "reads logs, by stream, time and end, and follows them",
  exec_run: "executes with a directory, variables, a user, a terminal; at once or as a stream",
  exec_socket: "speaks with an exec in both directions, and closes its own",
  attach: "attaches to what runs, with input and output",
  archives: "puts and gets archives",
  stats: "reads statistics, once and as a stream",
  events: "follows events by filters",
  describe: "lists, inspects and describes containers and the engine",
  images: "tags, saves, loads, lists and removes images",
  volumes: "makes a volume that keeps its files",
  life: "restarts, renames, commits, kills and waits",
};

describe("Python's docker package with the endpoint", () => {
  const served = useServedHost();
  const script = "echo ready; echo error >&2; while read line; do echo got $line; done";

  before(() =>
    served.done("run", "-di", "--name", "box", "--label", "of=python", "demo:1", "sh", "-c", script),
  );

  for (const [name, behaviour] of Object.entries(TESTS))
    it(behaviour, async () => {
      const { status, err } = await served.call(PYTHON, [CLIENT, name]);
      assert.equal(status, 0, err);
    });
});
