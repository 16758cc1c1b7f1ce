import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";

/** Docker's description is Swagger 2.0: JSON Schema with words of its own. */
type Schema = { [key: string]: unknown };

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Schema;
}

interface Operation {
  readonly responses: Readonly<Record<string, { readonly schema?: Schema }>>;
}

const FILE = join(import.meta.dirname, "v1.43.yaml");

/** What Docker's own engine does not hold to either: it gives null (research, docker-api.md, B2). */
const NULLABLE = new Set(["MemorySwappiness", "ExitCode"]);

/** The answers of Docker's API as its description has them. */
export class DescribedAnswers {
  readonly #description = parse(readFileSync(FILE, "utf8")) as Description;
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor() {
    const definitions = relax(this.#description.definitions) as Schema;
    this.#ajv.addSchema({ $id: "docker", definitions });
  }

  /**
   * What is wrong with an answer.
   *
   * @param path the description's: `/containers/{id}/json`.
   * @returns one line for each difference.
   * @throws Error for an answer that the description does not have.
   */
  differences(method: string, path: string, status: number, body: unknown): string[] {
    const key = `${method} ${path} ${status}`;
    const validate = this.#validators.get(key) ?? this.#compile(key, method, path, status);
    this.#validators.set(key, validate);
    validate(body);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  #compile(key: string, method: string, path: string, status: number): ValidateFunction {
    const responses = this.#description.paths[path]?.[method.toLowerCase()]?.responses;
    const response = responses?.[String(status)];
    if (response === undefined) throw new Error(`Docker's description has no ${key}`);
    return this.#ajv.compile(relax(response.schema ?? {}) as Schema);
  }
}

/** JSON Schema of Swagger's: references lead to the definitions, and lists and objects may be null, as Go's are. */
function relax(schema: unknown, name = ""): unknown {
  if (Array.isArray(schema)) return schema.map((each) => relax(each));
  if (typeof schema !== "object" || schema === null) return schema;
  const { example: _example, $ref: reference, ...rest } = schema as Schema;
  if (typeof reference === "string") {
    const definition = { $ref: reference.replace("#/", "docker#/") };
    return { anyOf: [definition, { type: "null" }] };
  }
  const relaxed = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, relax(value, key)]));
  const { type } = rest;
  const isNullable =
    type === "array" || type === "object" || rest["x-nullable"] === true || NULLABLE.has(name);
  if (typeof type !== "string" || !isNullable) return relaxed;
  const { enum: values } = rest;
  return { ...relaxed, type: [type, "null"], ...(Array.isArray(values) ? { enum: [...values, null] } : {}) };
}
