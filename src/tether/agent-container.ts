import { closeSync } from "node:fs";
import {
  allSettledOrThrow,
  CONTAINER_ROOT,
  type FileSystemError,
  FileSystemErrors,
  findLayerDisk,
  limitContainer,
  makeContainerNamespace,
  mountLayerDisk,
  type Names,
  openContainerCgroup,
  readDiskName,
  type Reaper,
  renewNameFiles,
  restrictDevices,
  writeSysctls,
} from "../init/index.ts";
import type { ContainerHandles } from "../session/index.ts";
import type { System } from "../system/system.ts";
import { AgentNetwork } from "./agent-network.ts";
import { AgentVolumes } from "./agent-volumes.ts";
import type { Configuration } from "./configuration/decode.ts";
import type { Stages } from "./stages.ts";

/** An error of a file system of the container's. */
export interface ContainerFileSystemError extends Omit<FileSystemError, "disk"> {
  /** The names of the volumes on it; none: the container's own disk. */
  readonly volumes: readonly string[];
}

/** What the container is made with. */
interface ContainerParts {
  readonly system: System;
  readonly stages: Stages;
  readonly reaper: Reaper;
  /** Is told of a file system that has errors, or whose disk is gone. */
  readonly onFileSystemError: (error: ContainerFileSystemError) => void;
  /** Is told of its handles whenever they are others. */
  readonly onMade: (handles: ContainerHandles) => void;
}

/** What the container's processes live in: its disk, mount namespace, cgroup, names, vNICs and volumes. */
export class AgentContainer {
  readonly network: AgentNetwork;
  readonly volumes: AgentVolumes;
  readonly #parts: ContainerParts;
  readonly #errors: FileSystemErrors;
  #configuration: Configuration | undefined;
  #handles: ContainerHandles | undefined;

  constructor(parts: ContainerParts) {
    this.#parts = parts;
    const { system, reaper, stages } = parts;
    this.#errors = new FileSystemErrors(({ disk, ...error }) =>
      parts.onFileSystemError({ ...error, volumes: this.volumes.disks.get(disk) ?? [] }),
    );
    this.network = new AgentNetwork({
      ...{ system, reaper, report: (message) => stages.failed(message) },
      // Before there is a container, its files are made with what there is then.
      onNames: () => {
        if (this.#handles !== undefined && this.#configuration !== undefined)
          this.renewNames(this.#configuration);
      },
    });
    this.volumes = new AgentVolumes(
      system,
      reaper,
      () => this.#configuration && this.#namesOf(this.#configuration),
    );
  }

  /** Undefined as long as it is not made. */
  get handles(): ContainerHandles | undefined {
    return this.#handles;
  }

  /** It has been brought to another configuration. */
  configured(configuration: Configuration): void {
    this.#configuration = configuration;
  }

  /**
   * Makes the container.
   *
   * @throws TetherError that says what of it could not be made.
   */
  async make(configuration: Configuration): Promise<ContainerHandles> {
    const { system } = this.#parts;
    const { hostname, nanoCpus, pidsLimit, security } = configuration;
    this.#configuration = configuration;
    system.setHostname(hostname);
    writeSysctls(security.sysctls);
    const cgroupProcesses = openContainerCgroup(nanoCpus);
    limitContainer(pidsLimit);
    if (!security.privileged) restrictDevices(system);
    const device = await findLayerDisk();
    await allSettledOrThrow([
      this.#applyNetwork(configuration),
      mountLayerDisk(system, device),
      this.volumes.mountAhead(configuration.volumes, device),
    ]);
    await this.volumes.mount(configuration.volumes);
    return this.#made({ ...this.#makeNamespace(configuration), cgroupProcesses });
  }

  /** Watches the file systems of its disks: those that it has now. */
  watchFileSystems(): void {
    this.#errors.follow([readDiskName(CONTAINER_ROOT), ...this.volumes.disks.keys()]);
  }

  /** Goes on with the container that an agent before this one has made. Before the reaper starts. */
  async resume(configuration: Configuration, handles: ContainerHandles): Promise<void> {
    this.#configuration = configuration;
    this.#handles = handles;
    await this.network.resume(configuration.network);
    await this.volumes.resume(configuration.volumes);
  }

  /** For a process that is started again: its mounts and its memory file systems are as at the first start. */
  async renew(): Promise<void> {
    const [before, configuration] = [this.#handles, this.#configuration];
    if (before === undefined || configuration === undefined) return;
    await this.volumes.renew();
    this.#made({ ...before, ...this.#makeNamespace(configuration) });
    closeSync(before.namespace);
    closeSync(before.root);
  }

  /** Writes the container's hostname, hosts and resolv.conf anew. */
  renewNames(configuration: Configuration): void {
    renewNameFiles(this.#parts.system, this.#namesOf(configuration));
  }

  #made(handles: ContainerHandles): ContainerHandles {
    this.#handles = handles;
    this.#parts.onMade(handles);
    return handles;
  }

  /** A container without a vNIC loads nothing of it. */
  async #applyNetwork(configuration: Configuration): Promise<void> {
    const { network, domainname, servesFilesOnly } = configuration;
    const { system, stages } = this.#parts;
    if (domainname !== "") system.setDomainname(domainname);
    if (network.interfaces.length === 0 || servesFilesOnly) return;
    await this.network.apply(network);
    stages.reached("network configured");
  }

  #makeNamespace(configuration: Configuration): Pick<ContainerHandles, "namespace" | "root"> {
    const { privileged, readOnlyRoot } = configuration.security;
    const workingDirectory = Buffer.from(configuration.session.workingDirectory ?? "/").toString();
    const options = { privileged, readOnlyRoot, workingDirectory, shmBytes: configuration.shmBytes };
    const made = makeContainerNamespace(this.#parts.system, this.#namesOf(configuration), options);
    this.volumes.attach(made);
    return made;
  }

  #namesOf(configuration: Configuration): Names {
    return { ...configuration, ...(this.network.names ?? { resolver: configuration.network.resolver }) };
  }
}
