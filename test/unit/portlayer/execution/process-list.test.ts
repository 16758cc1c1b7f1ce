import assert from "node:assert/strict";
import { chooseColumns, tabulate } from "../../../../src/portlayer/execution/process-list.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";

const NOW = Date.UTC(2026, 0, 2, 12, 0, 0);
const shell = {
  pid: 98,
  parentPid: 1,
  uid: 1000,
  user: "app",
  cpuMs: 3_725_000,
  residentBytes: 2048 * 1024,
  virtualBytes: 4096 * 1024,
  startedMs: NOW - 7_450_000,
  state: "S",
  terminal: "pts/0",
  name: "sh",
  args: [Buffer.from("sh"), Buffer.from("-c"), Buffer.from("echo \u001B[31m")],
};
const zombie = { pid: 7, parentPid: 98, uid: 0, user: "", name: "defunct", state: "Z", args: [] };

describe("the processes of a container", () => {
  const rows = (...options: string[]): ReturnType<typeof tabulate> =>
    tabulate([shell, zombie], chooseColumns(options), NOW);

  it("are shown as ps -ef does when nothing is asked for", () => {
    const { titles, processes } = rows();
    assert.deepEqual(titles, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    const [first = [], second = []] = processes;
    assert.deepEqual(
      [first.slice(0, 4), first.slice(5)],
      [
        ["app", "98", "1", "50"],
        ["pts/0", "01:02:05", "sh -c echo ?[31m"],
      ],
    );
    assert.deepEqual(
      [second.slice(0, 3), second.slice(5)],
      [
        ["0", "7", "98"],
        ["?", "00:00:00", "[defunct]"],
      ],
    );
  });

  it("are shown in the columns that are asked for", () => {
    for (const options of [
      ["-o", "pid,rss,comm"],
      ["-opid,rss,comm"],
      ["-eo", "pid,rss,comm"],
      ["-e", "-o", "pid,rss,comm"],
    ])
      assert.deepEqual(rows(...options), {
        titles: ["PID", "RSS", "COMMAND"],
        processes: [
          ["98", "2048", "sh"],
          ["7", "0", "defunct"],
        ],
      });
    assert.deepEqual(rows("aux").titles.slice(0, 3), ["USER", "PID", "%CPU"]);
  });

  it("are not shown in ways that are not known", () => {
    assert.throws(() => chooseColumns(["--forest"]), catalogueError("invalid-option", /--forest/));
    assert.throws(() => chooseColumns(["-o", "pid,mood"]), catalogueError("invalid-option", /"mood"/));
  });
});
