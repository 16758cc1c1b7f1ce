import { ApiError, refused } from "../http/api-error.ts";
import { parseSignal } from "../../protocol/signals.ts";
import { readHealthCheck } from "./change-health.ts";
import { readPairs } from "./change-words.ts";

/** `config` of an image's configuration, in Docker's names. */
export type ImageConfig = Readonly<Record<string, unknown>>;

type Instruction = (config: ImageConfig, text: string) => ImageConfig;

/** What dockerd takes as a change (moby, builder/dockerfile/dispatchers.go). */
const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  CMD: (config, text) => ({ ...config, Cmd: readCommand(config, text) }),
  ENTRYPOINT: (config, text) => ({ ...config, Entrypoint: text === "" ? [] : readCommand(config, text) }),
  ENV: (config, text) => ({ ...config, Env: readEnvironment(config, text) }),
  EXPOSE: (config, text) => ({ ...config, ExposedPorts: addPorts(config, text) }),
  HEALTHCHECK: (config, text) => ({ ...config, Healthcheck: readHealthCheck(text, readJsonWords) }),
  LABEL: (config, text) => ({
    ...config,
    Labels: {
      ...recordOf(config["Labels"]),
      ...Object.fromEntries(readPairs("LABEL", literal("LABEL", text))),
    },
  }),
  ONBUILD: (config, text) => ({ ...config, OnBuild: [...listOf(config["OnBuild"]), readTrigger(text)] }),
  STOPSIGNAL: (config, text) => ({ ...config, StopSignal: readStopSignal(text) }),
  USER: (config, text) => ({ ...config, User: literal("USER", text) }),
  VOLUME: (config, text) => ({
    ...config,
    Volumes: { ...recordOf(config["Volumes"]), ...toSet(readVolumes(text)) },
  }),
  WORKDIR: (config, text) => ({ ...config, WorkingDir: joinPath(config, literal("WORKDIR", text)) }),
};

/** Without a word, a command is the shell alone, and an entry point is none. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(["CMD", "ENTRYPOINT"]);

const ONE_WORD: ReadonlySet<string> = new Set(["STOPSIGNAL", "USER", "WORKDIR"]);

/**
 * Applies a Dockerfile's instructions to an image's configuration, as `docker import --change` and `docker commit
 * --change` give them: one or several lines each.
 *
 * @throws ApiError 400 for what is no such instruction, and for `$NAME`, for which nothing is put in here.
 */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  const lines = changes.flatMap((change) => change.split("\n")).map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#")).reduce(applyChange, config);
}

function applyChange(config: ImageConfig, line: string): ImageConfig {
  const [, word = "", text = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
  const name = word.toUpperCase();
  const instruction = Object.hasOwn(INSTRUCTIONS, name) ? INSTRUCTIONS[name] : undefined;
  if (instruction === undefined)
    throw new ApiError(400, `${word.toLowerCase()} is not a valid change command`);
  if (text === "" && !MAY_BE_EMPTY.has(name))
    throw new ApiError(400, `${name} requires ${ONE_WORD.has(name) ? "exactly" : "at least"} one argument`);
  return instruction(config, text);
}

/** A list of words in JSON, or else a line for the shell. */
function readCommand(config: ImageConfig, text: string): string[] {
  const words = readJsonWords(text);
  if (words !== undefined) return words;
  const shell = listOf(config["Shell"]);
  return [...(shell.length === 0 ? ["/bin/sh", "-c"] : shell), ...(text === "" ? [] : [text])];
}

function readJsonWords(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) && words.every((word) => typeof word === "string") ? words : undefined;
  } catch {
    // Docker takes such a text for what it looks like otherwise.
    return undefined;
  }
}

function readWords(name: string, text: string): string[] {
  return readJsonWords(text) ?? literal(name, text).split(/\s+/);
}

function readEnvironment(config: ImageConfig, text: string): string[] {
  const environment = listOf(config["Env"]);
  for (const [name, value] of readPairs("ENV", literal("ENV", text))) {
    const at = environment.findIndex((each) => each.startsWith(`${name}=`));
    environment.splice(at < 0 ? environment.length : at, at < 0 ? 0 : 1, `${name}=${value}`);
  }
  return environment;
}

function addPorts(config: ImageConfig, text: string): object {
  const ports = literal("EXPOSE", text).split(/\s+/).flatMap(readPorts);
  return { ...recordOf(config["ExposedPorts"]), ...toSet(ports) };
}

/** `80`, `80/udp`, `80-82`. */
function readPorts(word: string): string[] {
  const [, first = "", last = first, protocol = "tcp"] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === "" || from > to || to > 65_535) throw new ApiError(400, `Invalid containerPort: ${word}`);
  return Array.from({ length: to - from + 1 }, (_, offset) => `${from + offset}/${protocol.toLowerCase()}`);
}

function readTrigger(text: string): string {
  const [trigger = ""] = text.toUpperCase().split(/\s/);
  if (trigger === "ONBUILD") throw new ApiError(400, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === "FROM" || trigger === "MAINTAINER")
    throw new ApiError(400, `${trigger} isn't allowed as an ONBUILD trigger`);
  return text;
}

function readVolumes(text: string): string[] {
  const paths = readWords("VOLUME", text);
  if (paths.length === 0) throw new ApiError(400, "VOLUME requires at least one argument");
  if (paths.includes("")) throw new ApiError(400, "VOLUME specified can not be an empty string");
  return paths;
}

function readStopSignal(text: string): string {
  const signal = literal("STOPSIGNAL", text);
  try {
    parseSignal(signal);
    return signal;
  } catch {
    // It has only one reason, which is said in dockerd's words.
    throw new ApiError(400, `Invalid signal: ${signal}`);
  }
}

/** Docker would put variables in. */
function literal(name: string, text: string): string {
  if (/(?<!\\)\$/.test(text)) throw refused(name, `variables are not put in: ${text}`);
  return text;
}

function joinPath(config: ImageConfig, path: string): string {
  if (path.startsWith("/")) return path;
  const { WorkingDir: folder } = config;
  const before = typeof folder === "string" && folder !== "" ? folder : "/";
  return `${before.replace(/\/$/, "")}/${path}`;
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function recordOf(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

function toSet(names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
