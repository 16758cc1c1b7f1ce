import { ApiError } from "./api-error.ts";

/** What Docker takes for false in a query; whatever else is there is true. */
const FALSE: ReadonlySet<string> = new Set(["", "0", "no", "false", "none"]);

/** The parameters of a request. */
export class Query {
  readonly #parameters: URLSearchParams;

  constructor(text: string) {
    this.#parameters = new URLSearchParams(text);
  }

  /** Undefined when it is not there or empty: Docker makes no difference. */
  text(name: string): string | undefined {
    return this.#parameters.get(name) || undefined;
  }

  /** All values of a parameter that is there several times. */
  texts(name: string): string[] {
    return this.#parameters.getAll(name).filter((text) => text !== "");
  }

  flag(name: string): boolean {
    return !FALSE.has((this.#parameters.get(name) ?? "").trim().toLowerCase());
  }

  /** @throws ApiError 400 in Go's words for what is no whole number. */
  integer(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = Number(text);
    if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(number)) return number;
    throw new ApiError(400, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }

  /**
   * The parameter `filters`: `{"label":{"a=b":true}}` or, as it was before, `{"label":["a=b"]}`.
   *
   * @returns `name=value` for each.
   * @throws ApiError 400.
   */
  filters(): string[] {
    const text = this.text("filters");
    if (text === undefined) return [];
    const invalid = new ApiError(400, "invalid filter");
    let filters: unknown;
    try {
      filters = JSON.parse(text);
    } catch {
      throw invalid;
    }
    if (typeof filters !== "object" || filters === null || Array.isArray(filters)) throw invalid;
    return Object.entries(filters).flatMap(([name, values]: [string, unknown]) => {
      if (typeof values !== "object" || values === null) throw invalid;
      const wanted: unknown[] = Array.isArray(values) ? values : chosen(values);
      return wanted.map((value) => {
        if (typeof value !== "string") throw invalid;
        return `${name}=${value}`;
      });
    });
  }
}

function chosen(values: object): string[] {
  return Object.entries(values).flatMap(([value, isChosen]) => (isChosen === true ? [value] : []));
}
