import { configSchema } from "../../../src/protocol/generated/config-schema.js";
import type { Field } from "../../../src/protocol/configuration/json/schema.ts";
import type { Document } from "./valid-document.ts";

/** A document with one field that is wrong in a known way. */
export interface Breakage {
  readonly path: string;
  readonly document: Document;
}

/** Numbers that are wrong, by `Message.field`; 64-bit ones are wrong when JavaScript does not hold them. */
const WRONG_NUMBERS: Readonly<Record<string, number>> = {
  "Config.version": 2,
  "Config.host_time_ms": 2 ** 49,
  "WindowSize.columns": 65_536,
  "WindowSize.rows": 65_536,
  "Security.oom_score_adj": 1001,
  "NetworkInterface.mtu": 67,
  "Dynamic.timeout_ms": 3_600_001,
  "PublishedPort.port": 65_536,
  "PublishedPort.target_port": 65_536,
  "PublishedPort.count": 65_536,
  "Volume.timeout_ms": 3_600_001,
  "StatisticsOptions.guestinfo_period_ms": 999,
  "TmpfsVolume.mode": 0o10000,
  "TmpfsVolume.uid": 0xffff_ffff,
  "TmpfsVolume.gid": 0xffff_ffff,
  "FileContent.mode": 0o10000,
  "FileContent.uid": 0xffff_ffff,
  "FileContent.gid": 0xffff_ffff,
};

/** Numbers of which none is wrong: whoever adds one to proto/config.proto says here that it needs no check. */
const ANY_NUMBER = new Set([
  ...["Config.pids_limit", "RestartPolicy.maximum_retry_count", "Session.stop_timeout_ms"],
  ...["HealthCheck.interval_ms", "HealthCheck.timeout_ms", "HealthCheck.start_period_ms"],
  ...["HealthCheck.start_interval_ms", "HealthCheck.retries", "Link.acknowledge_timeout_ms"],
  ...["NetworkInterface.metric", "Route.metric"],
]);

const WRONG_BYTES: Readonly<Record<string, Uint8Array>> = {
  "Config.random_seed": Buffer.alloc(31),
  "Security.seccomp_program": Buffer.alloc(7),
  "FileContent.content": Buffer.alloc(1024 * 1024 + 1),
};

/** Wrong for whatever else is bytes (paths, words), and for every text. */
const WRONG_TEXT = "a\0b";

/** Everything in the document that can be broken, each in a document of its own that is made when it is asked for. */
export function breakagesOf(document: Document): ReadonlyArray<() => Breakage> {
  return fieldsIn("Config", document, "", []).map(({ path, steps, wrong }) => () => ({
    path,
    document: withValue(document, steps, wrong) as Document,
  }));
}

interface Place {
  readonly path: string;
  readonly steps: ReadonlyArray<string | number>;
  readonly wrong: unknown;
}

type Steps = ReadonlyArray<string | number>;

function fieldsIn(name: string, message: object, path: string, steps: Steps): Place[] {
  return (configSchema.messages[name]?.fields ?? []).flatMap((field) => {
    const value: unknown = Reflect.get(message, field.property);
    if (value === undefined || value === null) return [];
    const at = path === "" ? field.name : `${path}.${field.name}`;
    const below = [...steps, field.property];
    if (field.count === "map")
      return Object.keys(Object(value)).map((key) => {
        return { path: `${at}[${JSON.stringify(key)}]`, steps: [...below, key], wrong: WRONG_TEXT };
      });
    if (field.count === "one" || !Array.isArray(value)) return placesOf(name, field, value, at, below);
    return value.flatMap((each, index) => placesOf(name, field, each, `${at}[${index}]`, [...below, index]));
  });
}

function placesOf(name: string, field: Field, value: unknown, path: string, steps: Steps): Place[] {
  const key = `${name}.${field.name}`;
  if (field.type === "message") return fieldsIn(field.of ?? "", Object(value), path, steps);
  if (value === "" || field.type === "bool" || ANY_NUMBER.has(key)) return [];
  return [{ path, steps, wrong: wrongValue(key, field) }];
}

function wrongValue(key: string, field: Field): unknown {
  switch (field.type) {
    case "string":
      return WRONG_TEXT;
    case "bytes":
      return WRONG_BYTES[key] ?? Buffer.from(WRONG_TEXT);
    case "enum":
      return 99;
    case "uint64":
      return WRONG_NUMBERS[key] ?? 2 ** 60;
    case "sint64":
      return -(2 ** 60);
    default: {
      const number = WRONG_NUMBERS[key];
      if (number === undefined) throw new Error(`nobody knows which number is wrong for ${key}`);
      return number;
    }
  }
}

function withValue(container: unknown, [step, ...rest]: Steps, value: unknown): unknown {
  if (step === undefined) return value;
  const changed: unknown = withValue(Reflect.get(Object(container), step), rest, value);
  if (Array.isArray(container))
    return container.map((each: unknown, index) => (index === step ? changed : each));
  return { ...Object(container), [step]: changed };
}
