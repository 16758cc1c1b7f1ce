import { randomBytes } from "node:crypto";
import { identifyProcess } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { type Image, type ImageStore, parseImageReference, requireHostFolders } from "../storage/index.ts";
import { findBootFiles } from "./boot-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { ContainerSettings, SecuritySettings } from "./container-settings.ts";
import type { LockedContainer } from "./container-store.ts";
import { provideVolumes } from "./container-volumes.ts";
import type { Core } from "./core.ts";
import { type ContainerRequest, mergeSettings, virtualCpus } from "./run-request.ts";

/** Docker's ids: 64 hexadecimal digits. */
const ID_BYTES = 32;

/**
 * Makes a container: its record, its folder, its name. What cannot be run is refused before anything is made.
 *
 * @param isRun whether this process starts it at once: should it be killed before, the container is dead.
 * @returns locked, for the caller to dispose of.
 */
export async function createContainer(
  core: Core,
  images: ImageStore,
  request: ContainerRequest,
  { signal, isRun }: { readonly signal: AbortSignal; readonly isRun: boolean },
): Promise<LockedContainer> {
  const { bootFolder, report } = core.components;
  findBootFiles(bootFolder, request.boot);
  checkHostFolders(request);
  const security = await complete(request.security, bootFolder);
  const image =
    request.found ??
    (await images.acquire(parseImageReference(request.image), { signal, onProgress: report }));
  const id = randomBytes(ID_BYTES).toString("hex");
  const settings = mergeSettings({ ...request, security }, image, id);
  const { containers, journal, volumes } = core;
  await provideVolumes(volumes, settings.mounts, signal);
  const made = newRecord(id, request, image, settings);
  const owner = isRun ? identifyProcess(process.pid) : undefined;
  const record = containers.create(request.name, (name) => ({
    ...made,
    name,
    ...(owner === undefined ? {} : { owner }),
  }));
  const container = await containers.lock(record.id, signal);
  journal.add("create", record);
  return container;
}

/** @throws TetherError `invalid-option`. */
function checkHostFolders({ mounts, hardware }: ContainerRequest): void {
  const first = mounts.find(({ kind }) => kind === "bind");
  if (first !== undefined && hardware === "vmware")
    throw new TetherError(
      "invalid-option",
      `${first.target}: folders of this machine cannot be mounted with --hardware vmware, which has no virtiofs: use a volume, and vch cp`,
    );
  requireHostFolders(mounts);
}

function newRecord(
  id: string,
  request: ContainerRequest,
  image: Image,
  settings: ContainerSettings,
): ContainerRecord {
  return {
    version: 2,
    id,
    name: "",
    image: request.image,
    imageDigest: image.digest,
    command: settings.args,
    created: new Date().toISOString(),
    tty: request.tty,
    memoryBytes: request.memoryBytes,
    cpus: virtualCpus(request),
    settings,
  };
}

/** A compiler is loaded only for who needs it. */
async function complete(security: SecuritySettings, bootFolder: string): Promise<SecuritySettings> {
  if (security.seccompProfile === undefined) return security;
  const { compileSecurity } = await import("./seccomp/compile-security.ts");
  return compileSecurity(security, bootFolder);
}
