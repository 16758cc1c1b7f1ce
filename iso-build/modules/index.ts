/** Which kernel modules the initramfs carries, and the lists by which stage 0 loads them. */
export { loadOrder } from "./load-order.ts";
export {
  type LoadableModule,
  type ModuleAlias,
  type ModuleIndex,
  moduleFileName,
  moduleName,
  parseModulesAlias,
  parseModulesBuiltin,
  parseModulesDep,
  parseModulesSoftdep,
  readModuleIndex,
} from "./module-index.ts";
export { type ModulePlan, planModules } from "./module-plan.ts";
export { takeAgentModules } from "./take-agent-modules.ts";
export { takeModules } from "./take-modules.ts";
export type { Platform } from "./wanted-modules.ts";
