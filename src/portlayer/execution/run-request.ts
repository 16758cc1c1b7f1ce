import type { AccelerationRequest, Hardware } from "../../hypervisor/index.ts";
import type { Image } from "../storage/index.ts";
import type { ContainerConfiguration } from "./configuration-document.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { parseSignal } from "../../protocol/signals.ts";
import type { WindowSize } from "../interaction/index.ts";

/** How the container VM gets its kernel: from files, or from the ISO as a VM on vSphere does. */
export type BootMedium = "kernel" | "iso-bios" | "iso-uefi";

/** What `vch run` asks for. */
export interface RunRequest {
  /** As the user wrote it. */
  readonly image: string;
  readonly command: readonly string[];
  readonly name: string | undefined;
  /** Replaces the image's entrypoint; an empty string clears it. */
  readonly entrypoint: string | undefined;
  /** `K=V`. */
  readonly environment: readonly string[];
  readonly user: string | undefined;
  readonly workingDirectory: string | undefined;
  readonly hostname: string | undefined;
  readonly stopSignal: string | undefined;
  readonly tty: boolean;
  readonly openStdin: boolean;
  /** Removes the container once it has ended. */
  readonly remove: boolean;
  readonly memoryBytes: number;
  /** Docker's --cpus: may be a fraction; undefined for the default. */
  readonly cpus: number | undefined;
  readonly acceleration: AccelerationRequest;
  readonly hardware: Hardware;
  readonly boot: BootMedium;
  readonly start: StartKind;
  /** How long the process may run; undefined for as long as it likes. */
  readonly timeoutMs: number | undefined;
  /** How long the container VM may take until it answers. */
  readonly startTimeoutMs: number;
}

/** `forked` goes on where a template has stopped, when there can be one; `cold` boots. */
export type StartKind = "forked" | "cold";

/** Docker counts CPU time in billionths. */
const NANOS_PER_CPU = 1_000_000_000;

/** VIC's default: two virtual CPUs. */
const DEFAULT_CPUS = 2;

/** How many virtual CPUs a request takes: a fraction of one needs a whole one. */
export function virtualCpus({ cpus }: RunRequest): number {
  return cpus === undefined ? DEFAULT_CPUS : Math.ceil(cpus);
}

/** Docker's short form of an id: 12 digits. */
export const SHORT_ID_LENGTH = 12;

/**
 * Merges the request with the image's own configuration, by Docker's rules: an entrypoint of the request drops
 * the image's command, a command replaces the image's, variables of the request win.
 *
 * @throws TetherError `usage` when nothing is left to run, `invalid-option`.
 */
export function mergeConfiguration(
  request: RunRequest,
  image: Image,
  identity: { readonly id: string; readonly name: string; readonly window: WindowSize | undefined },
): ContainerConfiguration {
  const { configuration } = image;
  const entrypoint =
    request.entrypoint === undefined
      ? configuration.entrypoint
      : [request.entrypoint].filter((word) => word !== "");
  const imageCommand = request.entrypoint === undefined ? configuration.command : [];
  const args = [...entrypoint, ...(request.command.length > 0 ? request.command : imageCommand)];
  if (args.length === 0)
    throw new TetherError("usage", "no command specified: the image has none of its own");
  const workingDirectory = request.workingDirectory ?? (configuration.workingDirectory || "/");
  if (!workingDirectory.startsWith("/")) {
    throw new TetherError(
      "invalid-option",
      `the working directory '${workingDirectory}' is invalid, it needs to be an absolute path`,
    );
  }
  const stopSignal = request.stopSignal ?? configuration.stopSignal ?? "SIGTERM";
  parseSignal(stopSignal);
  return {
    ...identity,
    hostname: request.hostname ?? identity.id.slice(0, SHORT_ID_LENGTH),
    args,
    environment: [...configuration.environment, ...request.environment],
    workingDirectory,
    user: request.user ?? configuration.user,
    stopSignal,
    nanoCpus: Math.round((request.cpus ?? 0) * NANOS_PER_CPU),
    tty: request.tty,
    openStdin: request.openStdin,
  };
}
