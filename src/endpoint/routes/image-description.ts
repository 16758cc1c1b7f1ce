import type { Image, NamedImage } from "../../portlayer/execution/index.ts";

const NANOS_PER_MS = 1e6;

/** What an image does not say, and what the store does not keep: Go's time that is none. */
const UNKNOWN_TIME = "0001-01-01T00:00:00Z";

/** A name as Docker shows it: without its registry and folder where they are the usual ones. */
export function familiarName(name: string): string {
  return name.replace(/^docker\.io\/(library\/)?/, "");
}

/** One image of `GET /images/json`. The size is what its disk takes. */
export function summariseImage({ image, names }: NamedImage): object {
  return {
    Id: image.digest,
    ParentId: "",
    RepoTags: tags(names),
    RepoDigests: [],
    Created: createdSeconds(image),
    Size: image.usedBytes,
    SharedSize: -1,
    VirtualSize: image.usedBytes,
    Labels: image.configuration.labels,
    Containers: -1,
  };
}

/** `GET /images/{name}/json`. */
export function inspectImage({ image, names }: NamedImage): object {
  const { configuration } = image;
  return {
    Id: image.digest,
    RepoTags: tags(names),
    RepoDigests: [],
    Parent: "",
    Comment: "",
    Created: configuration.created ?? UNKNOWN_TIME,
    Container: "",
    DockerVersion: "",
    Author: "",
    Config: describeConfiguration(image),
    Architecture: configuration.architecture,
    Os: configuration.os,
    Size: image.usedBytes,
    VirtualSize: image.usedBytes,
    GraphDriver: { Name: "qcow2", Data: null },
    RootFS: { Type: "layers" },
    Metadata: { LastTagTime: UNKNOWN_TIME },
  };
}

/** dockerd gives the Unix time of a time that is none as well. */
function createdSeconds({ configuration }: Image): number {
  return Math.floor(Date.parse(configuration.created ?? UNKNOWN_TIME) / 1000);
}

function tags(names: readonly string[]): string[] {
  return names.filter((name) => !name.includes("@")).map(familiarName);
}

function describeConfiguration({ configuration }: Image): object {
  const { health } = configuration;
  const set = (values: readonly string[]): object | null =>
    values.length === 0 ? null : Object.fromEntries(values.map((value) => [value, {}]));
  return {
    Hostname: "",
    Domainname: "",
    User: configuration.user,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(configuration.exposedPorts.length === 0 ? {} : { ExposedPorts: set(configuration.exposedPorts) }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: configuration.environment,
    Cmd: configuration.command.length === 0 ? null : configuration.command,
    Image: "",
    Volumes: set(configuration.volumes),
    WorkingDir: configuration.workingDirectory,
    Entrypoint: configuration.entrypoint.length === 0 ? null : configuration.entrypoint,
    OnBuild: null,
    Labels: configuration.labels,
    ...(configuration.stopSignal === undefined ? {} : { StopSignal: configuration.stopSignal }),
    ...(health === undefined
      ? {}
      : {
          Healthcheck: {
            Test: health.test,
            Interval: health.intervalMs * NANOS_PER_MS,
            Timeout: health.timeoutMs * NANOS_PER_MS,
            StartPeriod: health.startPeriodMs * NANOS_PER_MS,
            Retries: health.retries,
          },
        }),
  };
}
