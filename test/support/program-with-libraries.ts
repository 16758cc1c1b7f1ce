import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import type { TarEntry } from "./images/index.ts";

/** A program of this machine's, with the libraries that it needs, for an image's layer. */
export function programWithLibraries(path: string): TarEntry[] {
  const said = execFileSync("ldd", [path], { encoding: "utf8" });
  const libraries = [...said.matchAll(/(?:=> )?(?<library>\/\S+) \(0x/g)].map((match) => match[1] ?? "");
  const folders = new Set(libraries.flatMap((library) => foldersOf(library)));
  return [
    ...[...folders].map((name) => ({ name: `${name}/` })),
    ...[path, ...libraries].map((file) => ({
      ...{ name: file === path ? `bin/${path.split("/").at(-1)}` : file.slice(1), mode: 0o755 },
      data: readFileSync(realpathSync(file)),
    })),
  ];
}

/** From the root on. */
function foldersOf(path: string): string[] {
  const folder = dirname(path).slice(1);
  return folder === "" ? [] : [...foldersOf(`/${folder}`), folder];
}
