import { TetherError } from "../../src/protocol/errors/index.ts";
import { type ModuleIndex, moduleName } from "./module-index.ts";

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
    ordered.add(module.file);
  };
  for (const name of names) visit(name);
  return [...ordered];
}
