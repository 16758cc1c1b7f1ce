import { TetherError } from "../../src/protocol/errors/index.ts";
import { type ModuleIndex, moduleName, normaliseName } from "./module-index.ts";

/** True when the kernel can do what the module does, loaded or built in. */
export function hasModule(index: ModuleIndex, name: string): boolean {
  return index.loadable.has(name) || index.builtIn.has(name);
}

/**
 * The files to load for these modules, each after all that it needs, none twice. A built-in module adds
 * nothing; one that the kernel has not is an error that names it.
 */
export function loadOrder(index: ModuleIndex, names: readonly string[]): string[] {
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    const module = index.loadable.get(name);
    if (module === undefined) {
      if (index.builtIn.has(name)) return;
      throw new TetherError("not-set-up", `the kernel has no module ${name}, neither to load nor built in`);
    }
    if (ordered.has(module.file)) return;
    // modules.dep lists the whole closure, in an order that only modprobe's source explains; each
    // dependency's own line says what must come before it.
    for (const dependency of module.dependencies) visit(moduleName(dependency));
    for (const needed of softDependencies(index, name)) visit(needed);
    ordered.add(module.file);
  };
  for (const name of names) visit(name);
  return [...ordered];
}

/**
 * What a module asks the kernel for when it is loaded, as the file systems do for their checksum: a module's name, or an
 * alias that several have. Of those the generic one works on every processor.
 */
function softDependencies(index: ModuleIndex, module: string): string[] {
  return (index.softDependencies.get(module) ?? []).flatMap((wanted) => {
    const name = normaliseName(wanted);
    if (hasModule(index, name)) return [name];
    // The kernel's own is there; what others might do faster is not needed.
    if (index.builtIn.has(`${name}_generic`)) return [];
    const having = index.aliases.filter(({ pattern }) => pattern === wanted).map((each) => each.module);
    const generic = having.filter((each) => each.endsWith("_generic"));
    return generic.length > 0 ? generic : having;
  });
}
