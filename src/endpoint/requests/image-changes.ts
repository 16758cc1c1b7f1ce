import { ApiError, refused } from "../http/api-error.ts";
import { parseGoDuration } from "./image-filters.ts";

/** `config` of an image's configuration, in Docker's names. */
export type ImageConfig = Readonly<Record<string, unknown>>;

type Instruction = (config: ImageConfig, text: string) => ImageConfig;

/** What dockerd takes as a change (moby, builder/dockerfile/dispatchers.go). */
const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  CMD: (config, text) => ({ ...config, Cmd: readCommand(config, text) }),
  ENTRYPOINT: (config, text) => ({ ...config, Entrypoint: readCommand(config, text) }),
  ENV: (config, text) => ({ ...config, Env: readEnvironment(config, text) }),
  EXPOSE: (config, text) => ({ ...config, ExposedPorts: addPorts(config, text) }),
  HEALTHCHECK: (config, text) => ({ ...config, Healthcheck: readHealthCheck(text) }),
  LABEL: (config, text) => ({
    ...config,
    Labels: { ...recordOf(config["Labels"]), ...Object.fromEntries(readPairs("LABEL", text)) },
  }),
  ONBUILD: (config, text) => ({ ...config, OnBuild: [...listOf(config["OnBuild"]), text] }),
  STOPSIGNAL: (config, text) => ({ ...config, StopSignal: literal("STOPSIGNAL", text) }),
  USER: (config, text) => ({ ...config, User: literal("USER", text) }),
  VOLUME: (config, text) => ({
    ...config,
    Volumes: { ...recordOf(config["Volumes"]), ...toSet(readWords("VOLUME", text)) },
  }),
  WORKDIR: (config, text) => ({ ...config, WorkingDir: joinPath(config, literal("WORKDIR", text)) }),
};

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
  if (text === "") throw new ApiError(400, `${name} requires at least one argument`);
  return instruction(config, text);
}

/** A list of words in JSON, or else a line for the shell. */
function readCommand(config: ImageConfig, text: string): string[] {
  const words = readJsonWords(text);
  if (words !== undefined) return words;
  const shell = listOf(config["Shell"]);
  return [...(shell.length === 0 ? ["/bin/sh", "-c"] : shell), text];
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
  for (const [name, value] of readPairs("ENV", text)) {
    const at = environment.findIndex((each) => each.startsWith(`${name}=`));
    environment.splice(at < 0 ? environment.length : at, at < 0 ? 0 : 1, `${name}=${value}`);
  }
  return environment;
}

/** `NAME=VALUE NAME="A VALUE"`, or in the older form one name and the rest of the line. */
function readPairs(name: string, text: string): [string, string][] {
  const first = literal(name, text).split(/\s/)[0] ?? "";
  if (!first.includes("=")) {
    const [, key = "", value] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
    if (value === undefined) throw new ApiError(400, `${name} must have two arguments`);
    return [[key, value]];
  }
  const words = text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+|["']/gs) ?? [];
  if (words.some((word) => word === '"' || word === "'"))
    throw new ApiError(400, `${name}: a quotation mark has no other one: ${text}`);
  return words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1)
      throw new ApiError(
        400,
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    return [unquote(word.slice(0, at)), unquote(word.slice(at + 1))];
  });
}

function unquote(text: string): string {
  return text.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_all, double, single, escaped) =>
    double === undefined ? (single ?? escaped) : String(double).replaceAll(/\\(["\\$])/g, "$1"),
  );
}

function addPorts(config: ImageConfig, text: string): object {
  const ports = literal("EXPOSE", text)
    .split(/\s+/)
    .map((word) => {
      const [, port, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? [];
      if (port === undefined || Number(port) > 65_535)
        throw new ApiError(400, `invalid containerPort: ${word}`);
      return `${Number(port)}/${protocol.toLowerCase()}`;
    });
  return { ...recordOf(config["ExposedPorts"]), ...toSet(ports) };
}

const HEALTH_FIELDS: Readonly<Record<string, string>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  retries: "Retries",
};

function readHealthCheck(text: string): object {
  const options: Record<string, number> = {};
  let rest = text;
  for (;;) {
    const [all, name = "", value = ""] = /^--([a-z-]+)=(\S+)\s+/.exec(rest) ?? [];
    if (all === undefined) break;
    const field = HEALTH_FIELDS[name];
    if (field === undefined) throw new ApiError(400, `Unknown flag: ${name}`);
    options[field] =
      field === "Retries" ? Number(value) : Math.round((parseGoDuration(value) ?? Number.NaN) * 1e6);
    if (!Number.isSafeInteger(options[field])) throw refused(`HEALTHCHECK --${name}`, `${value} is none`);
    rest = rest.slice(all.length);
  }
  const [, kind = "", command = ""] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
  if (kind.toUpperCase() === "NONE" && command === "") return { Test: ["NONE"] };
  if (kind.toUpperCase() !== "CMD" || command === "")
    throw new ApiError(400, `Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  const words = readJsonWords(command);
  return { Test: words === undefined ? ["CMD-SHELL", command] : ["CMD", ...words], ...options };
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
