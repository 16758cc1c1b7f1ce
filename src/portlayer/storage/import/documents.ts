import { z } from "zod";

import type { ImageConfiguration, ImageHealthCheck } from "../image.ts";

/*
 * The JSON documents of an OCI image (github.com/opencontainers/image-spec) and their Docker twins, as far
 * as they are read here. Go writes an empty list or map as null: hence all the `nullish`.
 */

const digest = z.string().regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, "invalid digest");

const descriptor = z.object({
  mediaType: z.string().nullish(),
  digest,
  size: z.int().nonnegative(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().nullish() }).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
/** A pointer to a blob. */
export type Descriptor = z.infer<typeof descriptor>;

/** `index.json` of a layout, an OCI image index, or a Docker manifest list. */
export const imageIndexSchema = z.object({ manifests: z.array(descriptor) });

/** An OCI image manifest or a Docker manifest, schema 2. */
export const imageManifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().nullish(),
  config: descriptor,
  layers: z
    .array(descriptor)
    .nullish()
    .transform((layers) => layers ?? []),
});
export type ImageManifest = z.infer<typeof imageManifestSchema>;

const strings = z.array(z.string()).nullish();
const keys = z.record(z.string(), z.unknown()).nullish();

/** Go's time.Duration: nanoseconds. */
const duration = z.number().nonnegative().nullish();

/** Docker's, which OCI's specification does not know. */
const healthCheck = z.object({
  Test: strings,
  Interval: duration,
  Timeout: duration,
  StartPeriod: duration,
  StartInterval: duration,
  Retries: z.int().nonnegative().nullish(),
});

/** An OCI or Docker image configuration. */
export const imageConfigurationSchema = z.object({
  // Some builders leave it out, or write what is no time: then it is not known.
  created: z.iso.datetime({ offset: true }).nullish().catch(undefined),
  architecture: z.string(),
  os: z.string(),
  author: z.string().nullish(),
  comment: z.string().nullish(),
  docker_version: z.string().nullish(),
  history: z
    .array(
      z.object({
        created: z.string().nullish(),
        created_by: z.string().nullish(),
        author: z.string().nullish(),
        comment: z.string().nullish(),
        empty_layer: z.boolean().nullish(),
      }),
    )
    .nullish(),
  config: z
    .object({
      User: z.string().nullish(),
      ExposedPorts: keys,
      Env: strings,
      Entrypoint: strings,
      Cmd: strings,
      Volumes: keys,
      WorkingDir: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      StopSignal: z.string().nullish(),
      Shell: strings,
      OnBuild: strings,
      Healthcheck: healthCheck.nullish(),
    })
    .nullish(),
  rootfs: z.object({
    diff_ids: z
      .array(digest)
      .nullish()
      .transform((ids) => ids ?? []),
  }),
});
export type ImageConfigurationDocument = z.infer<typeof imageConfigurationSchema>;

/** The part of an image's configuration that says how to run it. */
export function toImageConfiguration({
  created,
  architecture,
  os,
  config,
}: ImageConfigurationDocument): ImageConfiguration {
  return {
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    environment: config?.Env ?? [],
    workingDirectory: config?.WorkingDir ?? "",
    user: config?.User ?? "",
    stopSignal: config?.StopSignal || undefined,
    ...(created ? { created } : {}),
    architecture,
    os,
    labels: config?.Labels ?? {},
    exposedPorts: Object.keys(config?.ExposedPorts ?? {}),
    volumes: Object.keys(config?.Volumes ?? {}),
    shell: config?.Shell ?? [],
    ...(config?.OnBuild?.length ? { onBuild: config.OnBuild } : {}),
    health: config?.Healthcheck ? toHealthCheck(config.Healthcheck) : undefined,
  };
}

const NANOS_PER_MS = 1e6;

/** A guest's timer takes no more (24 days). */
const LONGEST_MS = 2 ** 31 - 1;

function toHealthCheck(check: z.infer<typeof healthCheck>): ImageHealthCheck {
  // What is given, however short, is no default.
  const toMs = (nanos: number | null | undefined): number =>
    nanos ? Math.min(LONGEST_MS, Math.max(1, Math.round(nanos / NANOS_PER_MS))) : 0;
  return {
    test: check.Test ?? [],
    intervalMs: toMs(check.Interval),
    timeoutMs: toMs(check.Timeout),
    startPeriodMs: toMs(check.StartPeriod),
    startIntervalMs: toMs(check.StartInterval),
    retries: check.Retries ?? 0,
  };
}

/**
 * Parses a document. Throws an Error with one line: where in the document, and what is wrong there.
 */
export function parseDocument<T>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Error(`${issue?.path.join(".") || "document"}: ${issue?.message ?? "invalid"}`);
}
