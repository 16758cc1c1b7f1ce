import { gzipSync } from "node:zlib";
import type { Command } from "commander";
import { readWholeDocument, writeMessage, writeText } from "../protocol/configuration/document-text.ts";
import { documentFromJson, type ReadJson } from "../protocol/configuration/json/from-json.ts";
import { documentToJson } from "../protocol/configuration/json/to-json.ts";
import type { Problem } from "../protocol/configuration/problems.ts";
import { validate } from "../protocol/configuration/validate.ts";
import { TetherError } from "../protocol/errors/index.ts";
import {
  CONFIGURATION_KEY,
  makeSealKey,
  parseSealKey,
  SEAL_KEY,
  sealText,
  splitText,
} from "../protocol/guestinfo/index.ts";
import { readInput } from "./bounded-input.ts";
import type { Context } from "./context.ts";

/** A document of 4 MiB as JSON: each byte has six characters at most (`\u0000`). */
const MOST_INPUT_BYTES = 32 * 1024 * 1024;

const MOST_KEY_BYTES = 1024;

interface EncodeFlags {
  readonly guestinfo?: true;
  readonly sealKey?: string;
}

/** Adds `vch config encode|decode|validate` (docs/reference/configuration.md). */
export function addConfigCommand(program: Command, context: Context): void {
  const config = program
    .command("config")
    .description("Write, show and check the configuration document of a container VM");
  config
    .command("encode")
    .description("Write a document that is given as JSON as text, as a hypervisor keeps it")
    .argument("[file]", "JSON; - is standard input", "-")
    .option("--guestinfo", "lines KEY = VALUE for VMware's guestinfo, sealed with a new key")
    .option("--seal-key <file>", "with --guestinfo: the key of a VM that runs, for its next document")
    .action(async (file: string, flags: EncodeFlags) => encode(file, flags, context));
  config
    .command("decode")
    .description("Show a document as JSON, without its secrets")
    .argument("[file]", "text, gzip or protobuf; - is standard input", "-")
    .option("--show-secrets", "show keys, environment and files as well; only then encode takes the output")
    .action(decode);
  config
    .command("validate")
    .description("Tell everything that is wrong with a document")
    .argument("[file]", "JSON, text, gzip or protobuf; - is standard input", "-")
    .action(async (file: string) => {
      const problems = await validate(await readAny(file));
      process.stdout.write(problems.map((problem) => `${describe(problem)}\n`).join(""));
      if (problems.length > 0) process.exitCode = 1;
    });
  for (const command of config.commands) command.exitOverride().copyInheritedSettings(program);
}

async function encode(file: string, flags: EncodeFlags, context: Context): Promise<void> {
  if (flags.sealKey !== undefined && !flags.guestinfo)
    throw new TetherError("usage", "--seal-key is for --guestinfo: only there a document is sealed");
  const read = parseJson(file, await readInput(file, MOST_INPUT_BYTES));
  const problems = await validate(read);
  for (const problem of problems)
    context.reportError(new TetherError("configuration-invalid", `${nameOf(file)}: ${describe(problem)}`));
  if (problems.length > 0) process.exitCode = 1;
  else if (flags.guestinfo) process.stdout.write(await guestinfoLines(read, flags.sealKey));
  else process.stdout.write(`${writeText(read.document)}\n`);
}

/** In the order in which they are to be set: whoever finds the document finds what opens it. */
async function guestinfoLines({ document }: ReadJson, keyFile: string | undefined): Promise<string> {
  const key = keyFile === undefined ? makeSealKey() : await readKey(keyFile);
  const parsed = parseSealKey(key);
  if (parsed === undefined)
    throw new TetherError("invalid-option", `${keyFile}: is no value of ${SEAL_KEY} (base64 of 32 bytes)`);
  const sealed = sealText(gzipSync(writeMessage(document), { level: 9 }), parsed);
  const lines = [{ key: SEAL_KEY, value: key }, ...splitText(CONFIGURATION_KEY, sealed)];
  return lines.map((line) => `${line.key} = ${line.value}\n`).join("");
}

async function readKey(file: string): Promise<string> {
  return (await readInput(file, MOST_KEY_BYTES)).toString("latin1").trim();
}

async function decode(file: string, { showSecrets }: { readonly showSecrets?: true }): Promise<void> {
  const document = await named(file, async () => readWholeDocument(await readInput(file, MOST_INPUT_BYTES)));
  const json = documentToJson(document, { showsSecrets: showSecrets ?? false });
  process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
}

/** JSON begins with a brace; as protobuf it would be a group, which no message of ours has. */
async function readAny(file: string): Promise<ReadJson> {
  const bytes = await readInput(file, MOST_INPUT_BYTES);
  if (/^\s*\{/.test(bytes.subarray(0, 4096).toString("latin1"))) return parseJson(file, bytes);
  return { document: await named(file, () => readWholeDocument(bytes)), problems: [] };
}

/** Node's own message quotes what is there, which may be a secret. */
function parseJson(file: string, bytes: Buffer): ReadJson {
  try {
    const json: unknown = JSON.parse(bytes.toString());
    return documentFromJson(json);
  } catch (error) {
    const [place] = /line \d+ column \d+/.exec(String(error)) ?? [];
    const where = place === undefined ? "" : ` at ${place}`;
    throw new TetherError("configuration-invalid", `${nameOf(file)}: it is no JSON${where}`);
  }
}

async function named<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TetherError) || error.code !== "configuration-invalid") throw error;
    throw new TetherError("configuration-invalid", `${nameOf(file)}: ${error.message}`, { cause: error });
  }
}

function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

function describe({ path, reason }: Problem): string {
  return path === "" ? reason : `${path} ${reason}`;
}
