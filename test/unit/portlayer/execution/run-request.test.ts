import assert from "node:assert/strict";
import {
  mergeSettings,
  type RunRequest,
  virtualCpus,
} from "../../../../src/portlayer/execution/run-request.ts";
import { parseNetworkSettings } from "../../../../src/portlayer/networking/index.ts";
import type { Image } from "../../../../src/portlayer/storage/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { runRequest } from "../../../support/run-requests.ts";

const ID = "0123456789ab".padEnd(64, "f");

function image(changes: Partial<Image["configuration"]> = {}): Image {
  return {
    digest: "sha256:1",
    disk: "/disk",
    diskSizeBytes: 1,
    usedBytes: 1,
    layers: [],
    configuration: {
      entrypoint: [],
      command: [],
      environment: [],
      workingDirectory: "",
      user: "",
      stopSignal: undefined,
      architecture: "amd64",
      os: "linux",
      labels: {},
      exposedPorts: [],
      volumes: [],
      shell: [],
      health: undefined,
      ...changes,
    },
  };
}

const merge = (
  request: Partial<RunRequest>,
  ofImage: Partial<Image["configuration"]> = {},
): ReturnType<typeof mergeSettings> => mergeSettings(runRequest(request), image(ofImage), ID);

describe("what a container runs", () => {
  const both = { entrypoint: ["/entry", "-e"], command: ["cmd", "-c"] };
  const table: ReadonlyArray<
    readonly [string, Partial<RunRequest>, Partial<Image["configuration"]>, string[]]
  > = [
    ["the image's entrypoint and command", {}, both, ["/entry", "-e", "cmd", "-c"]],
    ["the image's command alone", {}, { command: ["cmd"] }, ["cmd"]],
    ["the image's entrypoint alone", {}, { entrypoint: ["/entry"] }, ["/entry"]],
    [
      "the request's command behind the entrypoint",
      { command: ["mine", "x"] },
      both,
      ["/entry", "-e", "mine", "x"],
    ],
    ["the request's entrypoint, without the image's command", { entrypoint: "/mine" }, both, ["/mine"]],
    ["both of the request", { entrypoint: "/mine", command: ["arg"] }, both, ["/mine", "arg"]],
    [
      "the request's command when the entrypoint is cleared",
      { entrypoint: "", command: ["cmd"] },
      both,
      ["cmd"],
    ],
    ["an empty argument too", { command: ["echo", ""] }, {}, ["echo", ""]],
  ];
  for (const [what, request, ofImage, args] of table) {
    it(`is ${what}`, () => assert.deepEqual(merge(request, ofImage).args, args));
  }

  it("must be something", () => {
    for (const [request, ofImage] of [
      [{}, {}],
      [{ entrypoint: "" }, both],
    ] as const) {
      assert.throws(() => merge(request, ofImage), catalogueError("usage", /no command specified/));
    }
  });
});

describe("how a container runs", () => {
  it("is what the image says where the request says nothing", () => {
    const { environment, workingDirectory, user, stopSignal } = merge(
      { command: ["x"] },
      { environment: ["A=1"], workingDirectory: "/work", user: "app", stopSignal: "SIGQUIT" },
    );
    assert.deepEqual(
      { environment, workingDirectory, user, stopSignal },
      { environment: ["A=1"], workingDirectory: "/work", user: "app", stopSignal: "SIGQUIT" },
    );
  });

  it("is what the request says where it says something", () => {
    const request = {
      command: ["x"],
      environment: ["A=2", "B=3"],
      workingDirectory: "/mine",
      user: "0",
      stopSignal: "INT",
      hostname: "box",
    };
    const merged = merge(request, {
      environment: ["A=1"],
      workingDirectory: "/work",
      user: "app",
      stopSignal: "SIGQUIT",
    });
    assert.deepEqual(merged.environment, ["A=1", "A=2", "B=3"]);
    assert.deepEqual(
      [merged.workingDirectory, merged.user, merged.stopSignal, merged.hostname],
      ["/mine", "0", "INT", "box"],
    );
  });

  it("publishes what its image exposes when it is asked to", () => {
    const network = parseNetworkSettings({
      ...{ networks: ["user"], macAddress: undefined, ip: undefined, ip6: undefined, aliases: [] },
      ...{ publish: [], dns: [], dnsSearch: [], dnsOptions: [], domainname: undefined },
    });
    const portsOf = (request: Partial<RunRequest>): unknown =>
      merge({ command: ["x"], network, ...request }, { exposedPorts: ["6379/tcp"] }).interfaces[0]?.ports.map(
        ({ port, targetPort }) => [port, targetPort],
      );
    assert.deepEqual(portsOf({}), []);
    assert.deepEqual(portsOf({ publishesAll: true }), [[0, 6379]]);
  });

  it("has Docker's defaults where nobody says anything", () => {
    const merged = merge({ command: ["x"] });
    assert.deepEqual(
      [merged.workingDirectory, merged.user, merged.stopSignal, merged.hostname, merged.nanoCpus],
      ["/", "", "SIGTERM", "0123456789ab", 0],
    );
  });

  it("has CPU time in billionths, and whole virtual CPUs", () => {
    assert.equal(merge({ command: ["x"], cpus: 0.5 }).nanoCpus, 500_000_000);
    assert.equal(merge({ command: ["x"], cpus: 1.1 }).nanoCpus, 1_100_000_000);
    assert.deepEqual(
      [undefined, 0.01, 1, 1.1, 4].map((cpus) => virtualCpus(runRequest({ cpus }))),
      [2, 1, 1, 2, 4],
    );
  });

  it("is refused with a working directory that is relative, or a signal that does not exist", () => {
    assert.throws(
      () => merge({ command: ["x"], workingDirectory: "tmp" }),
      catalogueError(
        "invalid-option",
        /^the working directory 'tmp' is invalid, it needs to be an absolute path$/,
      ),
    );
    assert.throws(
      () => merge({ command: ["x"], stopSignal: "SIGNONE" }),
      catalogueError("invalid-option", /SIGNONE/),
    );
    assert.throws(
      () => merge({ command: ["x"] }, { stopSignal: "SIGNONE" }),
      catalogueError("invalid-option", /SIGNONE/),
    );
  });
});

describe("the health check of a container", () => {
  const none = { test: [], intervalMs: 0, timeoutMs: 0, startPeriodMs: 0, startIntervalMs: 0, retries: 0 };
  const own = {
    ...none,
    test: ["CMD-SHELL", "own"],
    intervalMs: 1,
    timeoutMs: 2,
    startPeriodMs: 3,
    retries: 4,
  };
  const check = (
    health: RunRequest["health"],
    ofImage: Partial<Image["configuration"]> = { health: own },
  ): ReturnType<typeof merge>["health"] => merge({ command: ["x"], health }, ofImage).health;

  it("is the image's when the request has none", () => {
    assert.deepEqual(check(undefined), own);
    assert.equal(check(undefined, {}), undefined);
  });

  it("is the request's, field by field", () => {
    assert.deepEqual(check({ ...none, test: ["CMD-SHELL", "mine"], timeoutMs: 9 }), {
      ...own,
      test: ["CMD-SHELL", "mine"],
      timeoutMs: 9,
    });
    assert.deepEqual(check({ ...none, retries: 9 }), { ...own, retries: 9 });
    assert.deepEqual(check({ ...none, retries: 9 }, {}), { ...none, retries: 9 });
  });

  it("is none when the request says so", () => {
    assert.deepEqual(check({ ...none, test: ["NONE"] })?.test, ["NONE"]);
  });

  it("runs in the image's shell", () => {
    assert.deepEqual(check(undefined, { health: own, shell: ["/bin/ash", "-ec"] })?.shell, [
      "/bin/ash",
      "-ec",
    ]);
  });
});
