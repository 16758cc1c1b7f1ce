import { TetherError } from "../../src/protocol/errors/index.ts";
import { hasModule, loadOrder } from "./load-order.ts";
import { moduleFileName, type ModuleIndex } from "./module-index.ts";
import {
  AGENT_DRIVERS,
  AGENT_MODULE_SETS,
  ALWAYS_MODULES,
  COLDPLUG_MODULES,
  ON_DEMAND_MODULES,
  PLATFORM_MODULES,
  type Platform,
  REQUIRED_MODULES,
} from "./wanted-modules.ts";

/** What goes into a folder `/modules`. */
export interface ModuleFolderPlan {
  /** Module files to take, relative to the modules folder, sorted. */
  readonly files: readonly string[];
  /** The text files beside them by which they are loaded: name → content. */
  readonly lists: ReadonlyMap<string, string>;
}

/** What goes into `/modules` of the initramfs, for stage 0. */
export interface ModulePlan extends ModuleFolderPlan {
  /** The hypervisors that this kernel serves. */
  readonly platforms: readonly Platform[];
}

// Buses whose devices have a MODALIAS in sysfs; the other aliases (char-major-…, fs-…, devname:…) are for
// modprobe on demand.
const DEVICE_BUSES = /^(acpi\*?|nd|pci|scsi|virtio):/;

/** Chooses the modules and writes the lists that stage 0 works through. Errors name the module that is missing. */
export function planModules(index: ModuleIndex): ModulePlan {
  const platforms = servedPlatforms(index);
  requireModules(index);
  const always = loadOrder(index, available(index, ALWAYS_MODULES));
  const coldplug = available(index, COLDPLUG_MODULES).map((name) => ({
    name,
    order: loadOrder(index, [name]),
  }));
  const lists = new Map([
    ["always", fileList(always)],
    ["aliases", aliasLines(index, new Set(always), coldplug)],
  ]);
  const files = new Set([...always, ...coldplug.flatMap(({ order }) => order)]);
  for (const [set, names] of Object.entries(ON_DEMAND_MODULES)) {
    const order = loadOrder(index, available(index, names));
    lists.set(`on-demand/${set}`, fileList(order));
    for (const file of order) files.add(file);
  }
  return { files: [...files].sort(), lists, platforms };
}

/** Chooses the modules of the agent's image and writes the lists that the agent looks into. */
export function planAgentModules(index: ModuleIndex): ModuleFolderPlan {
  // Stage 0 has loaded them, or the kernel could not have reached the image.
  const loaded = new Set(loadOrder(index, available(index, ALWAYS_MODULES)));
  const drivers = available(index, AGENT_DRIVERS).map((name) => ({ name, order: loadOrder(index, [name]) }));
  const lists = new Map([["aliases", aliasLines(index, loaded, drivers)]]);
  const files = new Set(drivers.flatMap(({ order }) => order));
  for (const [set, names] of Object.entries(AGENT_MODULE_SETS)) {
    const order = loadOrder(index, available(index, names)).filter((file) => !loaded.has(file));
    lists.set(`sets/${set}`, fileList(order));
    for (const file of order) files.add(file);
  }
  return { files: [...files].filter((file) => !loaded.has(file)).sort(), lists };
}

function available(index: ModuleIndex, names: readonly string[]): string[] {
  return names.filter((name) => hasModule(index, name));
}

function requireModules(index: ModuleIndex): void {
  for (const name of REQUIRED_MODULES) {
    if (!hasModule(index, name)) throw missing([name]);
  }
}

function servedPlatforms(index: ModuleIndex): Platform[] {
  const lacking = Object.entries(PLATFORM_MODULES).map(([platform, names]) => ({
    platform: platform as Platform, // Object.entries forgets the keys' type.
    names: names.filter((name) => !hasModule(index, name)),
  }));
  const served = lacking.filter(({ names }) => names.length === 0).map(({ platform }) => platform);
  if (served.length === 0) throw missing(lacking.flatMap(({ names }) => names));
  return served;
}

function missing(names: readonly string[]): TetherError {
  return new TetherError(
    "not-set-up",
    `the kernel has no module ${names.join(", ")}, neither to load nor built in`,
  );
}

function fileList(files: readonly string[]): string {
  return files.map((file) => `${moduleFileName(file)}\n`).join("");
}

/**
 * `PATTERN FILE[,FILE…]` for each device alias of the coldplug modules. What is always loaded first is left
 * out: loading a module again costs its whole reading before the kernel says EEXIST.
 */
function aliasLines(
  index: ModuleIndex,
  loaded: ReadonlySet<string>,
  coldplug: readonly { readonly name: string; readonly order: readonly string[] }[],
): string {
  return coldplug
    .flatMap(({ name, order }) => {
      const files = order.filter((file) => !loaded.has(file)).map(moduleFileName);
      if (files.length === 0) return [];
      const patterns = index.aliases.filter(
        ({ module, pattern }) => module === name && DEVICE_BUSES.test(pattern),
      );
      return patterns.map(({ pattern }) => `${pattern} ${files.join(",")}\n`).sort();
    })
    .join("");
}
