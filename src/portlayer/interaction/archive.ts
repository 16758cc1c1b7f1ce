/** Copying files between this machine and running containers, for `vch cp` and Docker's archive endpoints. */
export type { CommandRunner } from "./archive-channel.ts";
export { archiveIn, archiveOut, copyIn, copyOut, type CopyOptions } from "./archive-copy.ts";
export {
  type ContainerArchive,
  copyFromContainer,
  copyToContainer,
  exportFromContainer,
  listContainerFiles,
  type CopyToOptions,
  statInContainer,
} from "./archive-transfer.ts";
