/**
 * What a PID 1 does: the agent's mounts, cgroups, the layer disk, the container's mount namespace and name
 * files, and reaping.
 */
export { mountAgentFileSystems, RUN_DIRECTORY } from "./agent-mounts.ts";
export { CGROUP_ROOT, CONTAINER_CGROUP, makeCgroups, openContainerCgroup } from "./cgroups.ts";
export { makeContainerNamespace, mountLayerDisk, unmountLayerDisk } from "./container-file-system.ts";
export { Reaper } from "./reaper.ts";
export { attachLayerDisk, detachLayerDisk } from "./layer-disk-driver.ts";
