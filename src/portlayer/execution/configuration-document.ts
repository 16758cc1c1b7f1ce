import { randomBytes } from "node:crypto";
import { tether } from "../../protocol/generated/config.js";
import { CONFIGURATION_VERSION } from "../../protocol/link-names.ts";
import type { LinkKeys } from "../interaction/link-keys.ts";
import type { WindowSize } from "../interaction/window-size.ts";

/** Twice the strength of the generators that it goes into. */
const SEED_BYTES = 64;

/** What a container VM is told, before it is a document. */
export interface ContainerConfiguration {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  readonly args: readonly string[];
  readonly environment: readonly string[];
  readonly workingDirectory: string;
  readonly user: string;
  readonly stopSignal: string;
  readonly nanoCpus: number;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly window: WindowSize | undefined;
}

/** Makes the document of proto/config.proto. Plain: fw_cfg has no size to save, and a start has no time to lose. */
export function encodeConfiguration(configuration: ContainerConfiguration, keys: LinkKeys): Uint8Array {
  return tether.config.Config.encode({
    version: CONFIGURATION_VERSION,
    id: configuration.id,
    name: configuration.name,
    hostname: configuration.hostname,
    nanoCpus: configuration.nanoCpus,
    session: {
      args: configuration.args.map((arg) => Buffer.from(arg)),
      env: configuration.environment.map((variable) => Buffer.from(variable)),
      workingDirectory: Buffer.from(configuration.workingDirectory),
      user: configuration.user,
      tty: configuration.tty,
      openStdin: configuration.openStdin,
      stdinOnce: configuration.openStdin,
      stopSignal: configuration.stopSignal,
      window: configuration.window ?? null,
    },
    hostTimeMs: Date.now(),
    randomSeed: randomBytes(SEED_BYTES),
    link: { hostKey: keys.hostPrivateKey, clientPublicKey: keys.clientPublicKey },
  }).finish();
}

/** Makes the document that turns a guest into a template. */
export function encodeTemplateConfiguration(): Uint8Array {
  return tether.config.Config.encode({ version: CONFIGURATION_VERSION, template: true }).finish();
}
