import assert from "node:assert/strict";
import { Command } from "commander";
import { makeHealthCheck } from "../../../src/cli/health-options.ts";
import { collectPairs } from "../../../src/cli/label-options.ts";
import { makeLogSettings } from "../../../src/portlayer/execution/log-options.ts";
import { parseDuration } from "../../../src/cli/parse-duration.ts";
import { parseRestartPolicy } from "../../../src/cli/parse-restart-policy.ts";
import { parseTime } from "../../../src/cli/parse-time.ts";
import {
  addContainerOptions,
  type ContainerOptions,
  makeContainerRequest,
} from "../../../src/cli/run-options.ts";
import type { ContainerRequest } from "../../../src/portlayer/execution/index.ts";
import { catalogueError } from "../../support/catalogue-error.ts";

describe("the options that make a container", () => {
  const request = (isAttached: boolean, ...args: string[]): ContainerRequest => {
    const parser = addContainerOptions(new Command()).helpOption("--help").exitOverride();
    parser.parse(args, { from: "user" });
    return makeContainerRequest("image", [], parser.opts<ContainerOptions>(), isAttached);
  };

  it("ask for nothing in particular by default", () => {
    const made = request(true);
    assert.deepEqual(
      [
        made.restart,
        made.health,
        made.stopTimeoutMs,
        made.labels,
        made.sysctls,
        made.readOnlyRoot,
        made.remove,
      ],
      [{ name: "no", maximumRetryCount: 0 }, undefined, undefined, {}, {}, false, false],
    );
    assert.deepEqual(made.log, { maxBytes: 0, maxFiles: 1, isDisabled: false });
    assert.equal(made.security.privileged, false);
    assert.equal(made.publishesAll, false);
  });

  it("publish all that an image exposes by -P", () => {
    for (const option of ["-P", "--publish-all"]) assert.equal(request(true, option).publishesAll, true);
  });

  it("are Docker's", () => {
    const made = request(
      true,
      ...["--restart", "on-failure:3", "--stop-timeout", "4", "-l", "a=b", "--label", "c", "--init"],
      ...["--health-cmd", "true", "--health-interval", "1m30s", "--health-retries", "2"],
      ...["--health-start-interval", "2s", "--shm-size", "1.5m", "--pids-limit", "20"],
      ...["--add-host", "a:1.2.3.4", "--add-host", "b=[::1]", "--add-host", "c:::2"],
      ...["--log-opt", "max-size=10m", "--log-opt", "max-file=3", "--sysctl", "net.core.somaxconn=9"],
      ...["--privileged", "--cap-add", "net_admin", "--cap-drop", "ALL", "--group-add", "audio"],
      ...[
        "--security-opt",
        "no-new-privileges",
        "--ulimit",
        "nofile=5:6",
        "--oom-score-adj",
        "-5",
        "--read-only",
      ],
    );
    assert.deepEqual(made.restart, { name: "on-failure", maximumRetryCount: 3 });
    assert.equal(made.stopTimeoutMs, 4000);
    assert.deepEqual(made.labels, { a: "b", c: "" });
    assert.deepEqual(
      [made.health?.test, made.health?.intervalMs, made.health?.retries, made.health?.startIntervalMs],
      [["CMD-SHELL", "true"], 90_000, 2, 2000],
    );
    assert.deepEqual([made.shmBytes, made.pidsLimit], [1.5 * 1024 * 1024, 20]);
    assert.deepEqual(made.extraHosts, [
      { name: "a", address: "1.2.3.4" },
      { name: "b", address: "::1" },
      { name: "c", address: "::2" },
    ]);
    assert.deepEqual(made.log, { maxBytes: 10 * 1024 * 1024, maxFiles: 3, isDisabled: false });
    assert.deepEqual(made.sysctls, { "net.core.somaxconn": "9" });
    assert.deepEqual(made.security, {
      privileged: true,
      capAdd: ["CAP_NET_ADMIN"],
      capDrop: ["ALL"],
      noNewPrivileges: true,
      seccompUnconfined: false,
      ulimits: [{ name: "nofile", soft: 5, hard: 6 }],
      oomScoreAdj: -5,
      groups: ["audio"],
    });
    assert.equal(made.readOnlyRoot, true);
  });

  it("end the process's input with that of its client only if there is one", () => {
    assert.deepEqual(
      [request(true, "-i").stdinOnce, request(false, "-i").stdinOnce, request(true).stdinOnce],
      [true, false, false],
    );
  });

  it("are refused in Docker's words", () => {
    const table: ReadonlyArray<readonly [readonly string[], RegExp]> = [
      [["--restart", "sometimes"], /^invalid restart policy 'sometimes'$/],
      [["--restart", "always:3"], /cannot be used with restart policy 'always'$/],
      [["--restart", "on-failure:x"], /must be an integer$/],
      [["--add-host", "x"], /^invalid argument "x" for "--add-host" flag: bad format for add-host: "x"$/],
      [["--add-host", "a:b"], /: invalid IP address in add-host: "b"$/],
      [["--shm-size", "x"], /^invalid argument "x" for "--shm-size" flag: invalid size: 'x'$/],
      [["--pids-limit", "1.5"], /: strconv.ParseInt: parsing "1.5": invalid syntax$/],
      [["--pids-limit", "9223372036854775808"], /: value out of range$/],
      [["--no-healthcheck", "--health-cmd", "x"], /^--no-healthcheck conflicts with --health-\* options$/],
      [["--log-driver", "splunk"], /^logger: no log driver named 'splunk' is registered$/],
      [["--log-opt", "colour=red"], /^unknown log opt 'colour'/],
      [["--log-opt", "max-file=3"], /^max-file cannot be set without max-size$/],
      [["--log-opt", "max-size"], /^invalid logging opt format: max-size$/],
      [["--label", "=x"], /for --label: it has no name$/],
      [["--cap-add", "FLY"], /unknown capability: "CAP_FLY"$/],
      [["--oom-score-adj", "2000"], /range for oom score adj is \[-1000, 1000\]$/],
      [["--oom-score-adj", "x"], /range for oom score adj is \[-1000, 1000\]$/],
    ];
    for (const [args, message] of table)
      assert.throws(() => request(true, ...args), catalogueError("invalid-option", message), args.join(" "));
  });
});

describe("a duration", () => {
  it("is Go's", () => {
    const table: ReadonlyArray<readonly [string, number]> = [
      ["0", 0],
      ["500ms", 500],
      ["1.5s", 1500],
      ["1h2m3s", 3_723_000],
      ["100us", 0],
    ];
    for (const [text, milliseconds] of table) assert.equal(parseDuration(text), milliseconds, text);
    for (const text of ["", "5", "s", "-1s", "1d", "1s ", "1 s"])
      assert.throws(() => parseDuration(text), text);
  });
});

describe("a time", () => {
  it("is seconds since 1970, a date, or how long ago", () => {
    assert.equal(parseTime("1700000000.5"), 1_700_000_000_500);
    assert.equal(parseTime("2026-01-02T03:04:05Z"), Date.UTC(2026, 0, 2, 3, 4, 5));
    assert.equal(parseTime("10m", 1_000_000), 400_000);
    for (const text of ["", "yesterday", "2026-99-99"])
      assert.throws(
        () => parseTime(text),
        catalogueError("invalid-option", /^invalid value for a time/),
        text,
      );
  });
});

describe("small options", () => {
  it("have defaults of Docker's", () => {
    assert.deepEqual(parseRestartPolicy(""), { name: "no", maximumRetryCount: 0 });
    assert.deepEqual(parseRestartPolicy("unless-stopped"), { name: "unless-stopped", maximumRetryCount: 0 });
    assert.deepEqual(makeHealthCheck({ healthcheck: false })?.test, ["NONE"]);
    assert.equal(makeHealthCheck({ healthCmd: "", healthInterval: 0 }), undefined);
    const timed = makeHealthCheck({ healthInterval: 5 });
    assert.deepEqual([timed?.test, timed?.intervalMs, timed?.timeoutMs], [[], 5, 0]);
    assert.equal(makeLogSettings("none", []).isDisabled, true);
    assert.deepEqual(collectPairs("label", ["a=b=c", "d"]), { a: "b=c", d: "" });
  });
});
