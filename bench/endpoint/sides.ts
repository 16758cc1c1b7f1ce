import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchHost } from "../bench-host.ts";
import { type DockerDaemon, startDockerd } from "../peers/docker-daemon.ts";
import { refuseMissing } from "../peers/find-missing.ts";
import { median } from "../statistics.ts";
import { startEndpoint } from "./start-endpoint.ts";

/** The two that are compared. */
export type Side = "vch" | "dockerd";

/** Values by who they were measured of. */
export type Samples = Record<Side, number[]>;

/** The name that an archive's image gets. */
export const IMAGE = "bench:latest";

/** `vch serve` and Debian's dockerd, side by side; disposal ends both. */
export class Sides implements AsyncDisposable {
  readonly vch: DockerDaemon;
  readonly dockerd: DockerDaemon;

  private constructor(vch: DockerDaemon, dockerd: DockerDaemon) {
    this.vch = vch;
    this.dockerd = dockerd;
  }

  /** @throws Error when one of them does not start. */
  static async start(host: BenchHost): Promise<Sides> {
    const dockerd = await startDockerd(host);
    try {
      return new Sides(await startEndpoint(host), dockerd);
    } catch (error) {
      await dockerd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Does the same on both, one after the other, so that a machine that gets busier changes both. */
  async each(work: (daemon: DockerDaemon, side: Side) => Promise<void>): Promise<void> {
    await work(this.vch, "vch");
    await work(this.dockerd, "dockerd");
  }

  /** `docker` with both. */
  async docker(...args: readonly string[]): Promise<void> {
    await this.each(async ({ docker }) => void (await docker(...args)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vch[Symbol.asyncDispose]();
    await this.dockerd[Symbol.asyncDispose]();
  }
}

/**
 * Makes an archive, as `docker load` takes it, of an image in an OCI layout.
 *
 * @param reference as `vch` takes it.
 * @returns the archive's path, below the bench's folder; an earlier figure may have made it.
 */
export async function makeArchive(host: BenchHost, reference: string, name: string): Promise<string> {
  refuseMissing({ skopeo: "skopeo" });
  const path = join(host.folder, `${name}.tar`);
  if (existsSync(path)) return path;
  const words = ["--insecure-policy", "copy", "-q", reference, `docker-archive:${path}:${IMAGE}`];
  await promisify(execFile)("skopeo", words, { signal: host.signal });
  return path;
}

/** The median of ours against dockerd's. */
export function ratioOf({ vch, dockerd }: Samples): number {
  return median(vch) / median(dockerd);
}

/** Both medians, for a note. */
export function describeSamples({ vch, dockerd }: Samples, unit: string, digits = 1): string {
  return `vch serve ${median(vch).toFixed(digits)} ${unit}, dockerd ${median(dockerd).toFixed(digits)} ${unit}`;
}
