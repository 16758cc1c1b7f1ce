import { readFile } from "node:fs/promises";
import path from "node:path";

/** What a kernel's modules folder says about its modules. Names are normalised: `virtio-rng` is `virtio_rng`. */
export interface ModuleIndex {
  /** Each module's file, relative to the modules folder, and the files of all that it needs. */
  readonly loadable: ReadonlyMap<string, LoadableModule>;
  /** Modules that are part of the kernel itself. */
  readonly builtIn: ReadonlySet<string>;
  /** The lines of modules.alias, in its order. */
  readonly aliases: readonly ModuleAlias[];
  /** What should be loaded before a module, though nothing of it is called by name: modules or aliases of theirs. */
  readonly softDependencies: ReadonlyMap<string, readonly string[]>;
}

/** One line of modules.dep. */
export interface LoadableModule {
  readonly file: string;
  readonly dependencies: readonly string[];
}

/** One line of modules.alias. */
export interface ModuleAlias {
  /** A glob over a device's MODALIAS. */
  readonly pattern: string;
  readonly module: string;
}

/** Reads modules.dep, modules.builtin, modules.alias and modules.softdep of a folder that depmod ran on. */
export async function readModuleIndex(modulesFolder: string): Promise<ModuleIndex> {
  const read = (name: string) => readFile(path.join(modulesFolder, name), "utf8");
  return {
    loadable: parseModulesDep(await read("modules.dep")),
    builtIn: parseModulesBuiltin(await read("modules.builtin")),
    aliases: parseModulesAlias(await read("modules.alias")),
    softDependencies: parseModulesSoftdep(await read("modules.softdep")),
  };
}

/** modules.dep(5): `FILE: DEPENDENCY…`, the dependencies of the dependencies included. */
export function parseModulesDep(text: string): Map<string, LoadableModule> {
  const modules = new Map<string, LoadableModule>();
  for (const line of lines(text)) {
    const [file = "", dependencies = ""] = line.split(":", 2);
    modules.set(moduleName(file), {
      file,
      dependencies: dependencies.split(" ").filter((word) => word !== ""),
    });
  }
  return modules;
}

/** modules.builtin: one path per line. */
export function parseModulesBuiltin(text: string): Set<string> {
  return new Set(lines(text).map(moduleName));
}

/** modules.alias: `alias PATTERN MODULE`; a pattern never holds a space. */
export function parseModulesAlias(text: string): ModuleAlias[] {
  return lines(text).flatMap((line) => {
    const [keyword, pattern, module] = line.split(" ");
    if (keyword !== "alias" || pattern === undefined || module === undefined) return [];
    return [{ pattern, module: normaliseName(module) }];
  });
}

/** modules.softdep: `softdep MODULE pre: NAME… post: NAME…` (modprobe.d(5)); what is to come behind is left out. */
export function parseModulesSoftdep(text: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const line of lines(text)) {
    const [, module, before = ""] = /^softdep (\S+)(?:.*? pre:(.*?))?(?: post:.*)?$/.exec(line) ?? [];
    if (module === undefined) continue;
    const names = before.split(" ").filter((word) => word !== "");
    if (names.length > 0)
      found.set(normaliseName(module), [...(found.get(normaliseName(module)) ?? []), ...names]);
  }
  return found;
}

/** The module's name for the path of its file: the kernel treats `-` and `_` as the same. */
export function moduleName(file: string): string {
  return normaliseName(moduleFileName(file).replace(/\.ko$/, ""));
}

/** The file's name without folders and without the suffix of its compression. */
export function moduleFileName(file: string): string {
  return path.posix.basename(file).replace(/\.(xz|zst|gz)$/, "");
}

/** The kernel treats `-` and `_` as the same. */
export function normaliseName(name: string): string {
  return name.replaceAll("-", "_");
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}
