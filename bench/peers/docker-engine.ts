import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type BenchHost, ROOT } from "../bench-host.ts";
import { DockerClient } from "./docker-client.ts";
import { type DockerDaemon, startDockerd } from "./docker-daemon.ts";

const IMAGE = "bench:latest";
const CONTAINER = "bench";

/** Debian's dockerd with one container that sleeps; its disposal leaves nothing. */
export interface DockerEngine extends AsyncDisposable {
  readonly version: string;
  /** Of the container. */
  readonly containerId: string;
  /** Talks with it as its API's clients do. */
  readonly client: DockerClient;
  /** `docker exec CONTAINER ARGS` as a command of its own. */
  execByCommand(args: readonly string[]): Promise<void>;
}

/**
 * Starts a dockerd of the bench's own, with the demo image in it, and a container that does nothing.
 *
 * @throws Error when one of its programs is not installed, or when it does not start.
 */
export async function startDockerEngine(host: BenchHost): Promise<DockerEngine> {
  const daemon = await startDockerd(host);
  const { docker } = daemon;
  try {
    await importDemoImage(docker);
    const command = ["run", "-d", "--network", "none", "--name", CONTAINER, IMAGE, "sleep", "1000000"];
    const containerId = await docker(...command);
    const client = new DockerClient(daemon.socket);
    return {
      version: await docker("version", "--format", "{{.Server.Version}}"),
      containerId,
      client,
      execByCommand: async (args) => void (await docker("exec", CONTAINER, ...args)),
      [Symbol.asyncDispose]: async () => {
        client.close();
        await daemon[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

/** `docker import` wants a file system's archive, which an image's only layer is. */
async function importDemoImage(docker: DockerDaemon["docker"]): Promise<void> {
  const layout = join(ROOT, "build/demo-image");
  const read = async (path: string): Promise<string> => readFile(join(layout, path), "utf8");
  const { manifests } = indexSchema.parse(JSON.parse(await read("index.json")));
  const { layers } = manifestSchema.parse(JSON.parse(await read(blobOf(manifests[0]))));
  await docker("import", join(layout, blobOf(layers[0])), IMAGE);
}

const descriptorSchema = z.looseObject({ digest: z.string() });
const indexSchema = z.looseObject({ manifests: z.tuple([descriptorSchema]) });
const manifestSchema = z.looseObject({ layers: z.tuple([descriptorSchema]) });

function blobOf({ digest }: z.infer<typeof descriptorSchema>): string {
  return join("blobs", digest.replace(":", "/"));
}
