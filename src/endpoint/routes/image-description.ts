import {
  type Image,
  type ImageDetails,
  type NamedImage,
  repositoryOf,
} from "../../portlayer/execution/index.ts";

const NANOS_PER_MS = 1e6;

/** What an image does not say, and what the store does not keep: Go's time that is none. */
const UNKNOWN_TIME = "0001-01-01T00:00:00Z";

/** The first version that says of an image without names nothing, where the ones before say `<none>`. */
const NO_NONE_SINCE = 43;

/** A name as Docker shows it: without its registry and folder where they are the usual ones. */
export function familiarName(name: string): string {
  return name.replace(/^docker\.io\/(library\/)?/, "");
}

/** The tags among an image's names, as Docker shows them. */
export function tagsOf(names: readonly string[]): string[] {
  return names.filter((name) => !name.includes("@")).map(familiarName);
}

/** The digests in registries among an image's names, as Docker shows them. */
export function digestsOf(names: readonly string[]): string[] {
  return names.filter((name) => name.includes("@")).map(familiarName);
}

/** What Docker calls an image's size: that of its layers' files. */
export function sizeOf({ layers }: Image): number {
  return layers.reduce((sum, { contentBytes }) => sum + contentBytes, 0);
}

/** When an image was made. dockerd gives the Unix time of a time that is none as well. */
export function createdMs({ configuration }: Image): number {
  return Date.parse(configuration.created ?? UNKNOWN_TIME);
}

/** One image of `GET /images/json`. */
export function summariseImage({ image, names }: NamedImage, version: number): object {
  const [tags, digests] = [tagsOf(names), digestsOf(names)];
  const isNameless = names.length === 0 && version < NO_NONE_SINCE;
  return {
    Id: image.digest,
    ParentId: "",
    RepoTags: isNameless ? ["<none>:<none>"] : tags,
    RepoDigests: isNameless ? ["<none>@<none>"] : digests,
    Created: Math.floor(createdMs(image) / 1000),
    Size: sizeOf(image),
    SharedSize: -1,
    VirtualSize: sizeOf(image),
    Labels: Object.keys(image.configuration.labels).length === 0 ? null : image.configuration.labels,
    Containers: -1,
  };
}

/** `GET /images/{name}/json`. */
export function inspectImage({ image, names }: NamedImage, details: ImageDetails): object {
  const { configuration } = image;
  return {
    Id: image.digest,
    RepoTags: tagsOf(names),
    RepoDigests: digestsOf(names),
    Parent: "",
    Comment: details.comment,
    Created: configuration.created ?? UNKNOWN_TIME,
    Container: "",
    DockerVersion: details.dockerVersion,
    Author: details.author,
    Config: describeConfiguration(image),
    Architecture: configuration.architecture,
    Os: configuration.os,
    Size: sizeOf(image),
    VirtualSize: sizeOf(image),
    GraphDriver: { Name: "qcow2", Data: null },
    RootFS: { Type: "layers", Layers: image.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: UNKNOWN_TIME },
  };
}

/** `GET /images/{name}/history`: the last step first. */
export function describeHistory({ image, names }: NamedImage, { history }: ImageDetails): object[] {
  return history.toReversed().map((step, index) => ({
    Id: index === 0 ? image.digest : "<missing>",
    Created: Math.floor(Date.parse(step.created ?? UNKNOWN_TIME) / 1000),
    CreatedBy: step.createdBy,
    Tags: index === 0 && names.length > 0 ? tagsOf(names) : null,
    Size: step.contentBytes,
    Comment: step.comment,
  }));
}

/** Whether two complete names are of one repository. */
export function isSameRepository(one: string, other: string): boolean {
  return repositoryOf(one) === repositoryOf(other);
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
    OnBuild: configuration.onBuild ?? null,
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
