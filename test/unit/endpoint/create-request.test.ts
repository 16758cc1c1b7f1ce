import assert from "node:assert/strict";
import fc from "fast-check";
import { ApiError } from "../../../src/endpoint/http/api-error.ts";
import { readCreateRequest } from "../../../src/endpoint/requests/create-request.ts";
import type { ContainerRequest } from "../../../src/portlayer/execution/index.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { IMAGE } from "../../support/endpoint/fake-containers.ts";

function read(document: object, exposedPorts: readonly string[] = []): ContainerRequest {
  const configuration = { ...IMAGE.configuration, exposedPorts };
  const image = { name: "demo", found: { ...IMAGE, configuration } };
  return readCreateRequest({ Image: "demo", ...document }, image, "box", "forked").container;
}

const host = (fields: object): object => ({ HostConfig: { NetworkMode: "none", ...fields } });

/** What Docker 28.2 sends for `docker run demo`, which asks for nothing. */
const NOTHING = {
  ...{ Hostname: "", Domainname: "", User: "", AttachStdin: false, AttachStdout: true, AttachStderr: true },
  ...{ Tty: false, OpenStdin: false, StdinOnce: false, Env: null, Cmd: null, Volumes: {}, WorkingDir: "" },
  ...{ Entrypoint: null, OnBuild: null, Labels: {} },
  HostConfig: {
    ...{ Binds: null, ContainerIDFile: "", LogConfig: { Type: "", Config: {} }, NetworkMode: "none" },
    ...{ PortBindings: {}, RestartPolicy: { Name: "no", MaximumRetryCount: 0 }, AutoRemove: false },
    ...{ VolumeDriver: "", VolumesFrom: null, ConsoleSize: [0, 0], CapAdd: null, CapDrop: null },
    ...{ CgroupnsMode: "", Dns: [], DnsOptions: [], DnsSearch: [], ExtraHosts: null, GroupAdd: null },
    ...{ IpcMode: "", Cgroup: "", Links: null, OomScoreAdj: 0, PidMode: "", Privileged: false },
    ...{ PublishAllPorts: false, ReadonlyRootfs: false, SecurityOpt: null, UTSMode: "", UsernsMode: "" },
    ...{ ShmSize: 0, Isolation: "", CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: "", BlkioWeight: 0 },
    ...{ BlkioWeightDevice: [], CpuPeriod: 0, CpuQuota: 0, CpusetCpus: "", CpusetMems: "", Devices: [] },
    ...{ DeviceCgroupRules: null, DeviceRequests: null, MemoryReservation: 0, MemorySwap: 0 },
    ...{ MemorySwappiness: -1, OomKillDisable: false, PidsLimit: 0, Ulimits: [], CpuCount: 0 },
    ...{ CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0, MaskedPaths: null, ReadonlyPaths: null },
  },
  NetworkingConfig: { EndpointsConfig: {} },
};

describe("a request to make a container", () => {
  it("that asks for nothing is what docker run sends", () => {
    const request = read(NOTHING);
    assert.deepEqual(request.network.interfaces, []);
    assert.equal(request.memoryBytes, 512 * 1024 * 1024);
    assert.equal(request.entrypoint, undefined);
  });

  it("has every field that can be honoured", () => {
    const request = read({
      ...{ Hostname: "h", User: "1:2", Env: ["A=b"], Cmd: ["x", "y"], Entrypoint: ["e"], WorkingDir: "/w" },
      ...{
        Tty: true,
        OpenStdin: true,
        StdinOnce: true,
        StopSignal: "QUIT",
        StopTimeout: 3,
        Labels: { a: "b" },
      },
      Healthcheck: { Test: ["CMD", "true"], Interval: 2e9, Retries: 4 },
      ...host({
        ...{ Memory: 2 ** 28, NanoCpus: 1.5e9, PidsLimit: 9, ShmSize: 4096, AutoRemove: true },
        ...{ ReadonlyRootfs: true, CapAdd: ["NET_ADMIN"], Sysctls: { "net.core.somaxconn": "5" } },
        ...{ Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }], ExtraHosts: ["name:192.0.2.1"] },
        ...{ LogConfig: { Type: "json-file", Config: { "max-size": "1m" } } },
        ...{ Binds: ["data:/data:ro"], Tmpfs: { "/t": "size=1m" }, Init: true },
        Mounts: [{ Type: "volume", Source: "vol", Target: "/v", VolumeOptions: { NoCopy: true } }],
      }),
    });
    assert.deepEqual([request.command, request.entrypoint], [["x", "y"], ["e"]]);
    assert.deepEqual([request.cpus, request.pidsLimit, request.stopTimeoutMs], [1.5, 9, 3000]);
    assert.deepEqual([request.health?.intervalMs, request.health?.retries], [2000, 4]);
    assert.deepEqual(request.security.ulimits, [{ name: "nofile", soft: 1, hard: 2 }]);
    assert.deepEqual(request.extraHosts, [{ name: "name", address: "192.0.2.1" }]);
    assert.equal(request.log.maxBytes, 1024 * 1024);
    assert.deepEqual(
      request.mounts.map(({ kind, target, isReadOnly }) => [kind, target, isReadOnly]),
      [
        ["volume", "/data", true],
        ["volume", "/v", false],
        ["tmpfs", "/t", false],
      ],
    );
  });

  it("has Docker's default network as the hypervisor's own, with its ports", () => {
    const { network } = read({
      ExposedPorts: { "80/tcp": {} },
      HostConfig: { NetworkMode: "default", PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] } },
    });
    const [vnic] = network.interfaces;
    assert.deepEqual(
      [vnic?.backend.kind, vnic?.ports[0]?.port, vnic?.ports[0]?.targetPort],
      ["user", 8080, 80],
    );
  });

  it("publishes all that the image and the client expose, at any port, beside what is bound", () => {
    const published = (NetworkMode: string): unknown => {
      const bound = { "80/tcp": [{ HostPort: "8080" }] };
      const { network } = read(
        {
          ExposedPorts: { "80/tcp": {}, "53/udp": {} },
          HostConfig: {
            NetworkMode,
            PublishAllPorts: true,
            PortBindings: NetworkMode === "none" ? {} : bound,
          },
        },
        ["80/tcp", "5432/tcp"],
      );
      return network.interfaces.map(({ ports }) =>
        ports.map(({ port, targetPort, protocol }) => `${port}:${targetPort}/${protocol}`),
      );
    };
    assert.deepEqual(published("default"), [["8080:80/tcp", "0:5432/tcp", "0:53/udp"]]);
    assert.deepEqual(published("none"), []);
  });

  const refusals: readonly (readonly [string, object, number, RegExp])[] = [
    ["a device", host({ Devices: [{ PathOnHost: "/dev/x" }] }), 501, /^HostConfig\.Devices=/],
    ["shares of a processor", host({ CpuShares: 5 }), 501, /^HostConfig\.CpuShares=5 is not supported/],
    ["another's PID namespace", host({ PidMode: "host" }), 501, /^HostConfig\.PidMode="host"/],
    ["the machine's network", host({ NetworkMode: "host" }), 501, /NetworkMode=host/],
    ["a network of a user's", host({ NetworkMode: "mine" }), 501, /NetworkMode=mine/],
    ["another runtime", host({ Runtime: "runc" }), 501, /Runtime="runc"/],
    ["a field that nobody knows", { Surprise: 1 }, 501, /^Surprise=1/],
    [
      "such a field of a mount",
      host({ Mounts: [{ Target: "/a", X: 1 }] }),
      501,
      /^HostConfig\.Mounts\[0\]\.X=1/,
    ],
    ["a mount whose path has a comma", host({ Mounts: [{ Target: "/a,b" }] }), 400, /"," in "\/a,b"/],
    ["too little memory", host({ Memory: 4096 }), 400, /^Minimum memory limit allowed/],
    ["a text for a number", host({ Memory: "1g" }), 400, /HostConfig\.Memory: is not a whole number/],
    ["a list for an object", { HostConfig: [] }, 400, /HostConfig: is no object/],
    ["a restart policy that is none", host({ RestartPolicy: { Name: "often" } }), 400, /'often'/],
  ];
  for (const [what, document, status, message] of refusals) {
    it(`is refused for ${what}, by its name`, () => {
      assert.throws(
        () => read(document),
        (error) => error instanceof ApiError && error.status === status && message.test(error.message),
      );
    });
  }

  it("is refused with an error of the catalogue or of the API, whatever it holds", () => {
    const names = [...Object.keys(NOTHING), "Healthcheck", "MacAddress", "ExposedPorts"];
    const hostNames = [...Object.keys(NOTHING.HostConfig), "Mounts", "Tmpfs", "Sysctls"];
    const object = (keys: string[]) => fc.dictionary(fc.constantFrom(...keys), fc.jsonValue());
    fc.assert(
      fc.property(object(names), object(hostNames), (config, hostConfig) => {
        try {
          read({ ...config, HostConfig: hostConfig });
        } catch (error) {
          if (!(error instanceof ApiError || error instanceof TetherError)) throw error;
        }
      }),
    );
  });
});
