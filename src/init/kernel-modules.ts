import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { System } from "../system/system.ts";

/**
 * Modules that only some containers need, on the agent's read-only image: a VM that was forked from a template has no
 * initramfs any more, and what is never loaded takes no memory. iso-build/modules makes the folder.
 */
export const MODULES_FOLDER = "/modules";

/** A driver and the devices that it is for. */
interface DriverAlias {
  /** As a device's MODALIAS has it; between the parts is anything. */
  readonly pattern: readonly string[];
  /** Module files in the order in which they are loaded. */
  readonly files: readonly string[];
}

/** Loads kernel modules once. */
export class KernelModules {
  readonly #system: System;
  readonly #folder: string;
  readonly #loaded = new Set<string>();
  #aliases: readonly DriverAlias[] | undefined;

  /** @param folder {@link MODULES_FOLDER}; another one in tests. */
  constructor(system: System, folder: string) {
    this.#system = system;
    this.#folder = folder;
  }

  /**
   * Loads a set of modules, by its name in iso-build/modules/wanted-modules.ts. A kernel may have built in all of a
   * set: it is empty then.
   *
   * @throws SystemCallError, or the file system's error when the image has no such set.
   */
  loadSet(name: string): void {
    for (const file of readFileSync(join(this.#folder, "sets", name), "utf8").split("\n"))
      if (file !== "") this.#load(file);
  }

  /**
   * Loads the driver of a device, if there is one.
   *
   * @param modalias as sysfs has it.
   */
  loadDriver(modalias: string): void {
    this.#aliases ??= parseAliases(readFileSync(join(this.#folder, "aliases"), "utf8"));
    for (const { pattern, files } of this.#aliases)
      if (matches(modalias, pattern)) for (const file of files) this.#load(file);
  }

  #load(file: string): void {
    if (this.#loaded.has(file)) return;
    this.#system.loadModule(join(this.#folder, file), "");
    this.#loaded.add(file);
  }
}

function parseAliases(text: string): DriverAlias[] {
  return text.split("\n").flatMap((line): DriverAlias[] => {
    const [pattern = "", files = ""] = line.split(" ");
    if (files === "") return [];
    return [{ pattern: pattern.split("*"), files: files.split(",") }];
  });
}

/** Without regular expressions: each would be compiled in each VM, for the few looks that there are. */
function matches(modalias: string, [first = "", ...others]: readonly string[]): boolean {
  if (!modalias.startsWith(first)) return false;
  const last = others.pop();
  let at = first.length;
  if (last === undefined) return modalias.length === at;
  for (const part of others) {
    const found = modalias.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return modalias.length - last.length >= at && modalias.endsWith(last);
}
