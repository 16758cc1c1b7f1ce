import type { Exchange } from "./exchange.ts";

/** What answers requests of one method to paths of one form. */
export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** `{name}` stands for one part of the path, `{name...}` for the parts of an image's name. */
  readonly path: string;
  readonly answer: (exchange: Exchange) => Promise<void> | void;
}

/** A route and what its path's places stand for. */
export interface Found {
  readonly route: Pick<Route, "path" | "answer">;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Finds routes: the first that fits. */
export class Router {
  readonly #routes: readonly { readonly route: Route; readonly pattern: RegExp }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ route, pattern: toPattern(route.path) }));
  }

  /** @returns undefined for a path that is none, and for one that is not properly encoded. */
  find(method: string, path: string): Found | undefined {
    for (const { route, pattern } of this.#routes) {
      if (route.method !== method) continue;
      const match = pattern.exec(path);
      if (match === null) continue;
      try {
        const entries = Object.entries(match.groups ?? {}).map(
          ([name, text]) => [name, decodeURIComponent(text)] as const,
        );
        return { route, parameters: Object.fromEntries(entries) };
      } catch {
        // A broken escape names nothing.
        return undefined;
      }
    }
    return undefined;
  }
}

function toPattern(path: string): RegExp {
  const source = path
    .replaceAll(".", "\\.")
    .replaceAll(/\{(\w+)\\\.\\\.\\\.\}/g, "(?<$1>.+)")
    .replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return new RegExp(`^${source}$`);
}
