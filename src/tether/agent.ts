import type { Socket } from "node:net";
import {
  mountAgentFileSystems,
  makeCgroups,
  makeContainerNamespace,
  mountLayerDisk,
  openContainerCgroup,
  Reaper,
} from "../init/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { LOG_PORT_NAME } from "../protocol/link-names.ts";
import type { ContainerHandles, Exit, OpenPty } from "../session/index.ts";
import { Session } from "../session/index.ts";
import type { System } from "../system/system.ts";
import { Acknowledgement } from "./acknowledgement.ts";
import { checkConfiguration, type Configuration, parseConfiguration } from "./configuration/decode.ts";
import { readFwCfgConfiguration } from "./configuration/fw-cfg-source.ts";
import type { ControlTarget } from "./control-channel.ts";
import { EventLog } from "./event-log.ts";
import { openLink } from "./link.ts";
import { LogPort } from "./log-port.ts";
import { shutDown } from "./shutdown.ts";
import type { Stages } from "./stages.ts";
import { correctClock, type LinkQueue, waitToBeForked } from "./template.ts";
import { AGENT_VERSION } from "./version.ts";
import { findVirtioPort } from "./virtio-ports.ts";

/** What the agent is made of. */
export interface AgentComponents {
  readonly system: System;
  readonly stages: Stages;
  /** Path of `tether-exec`, unpacked when it is needed. */
  readonly launcher: () => string;
  readonly openPty: OpenPty;
}

/** The life of one container VM, seen from inside: configure, run the process, tell how it ended, power off. */
export class Agent {
  readonly #components: AgentComponents;
  readonly #events = new EventLog();
  readonly #reaper: Reaper;
  readonly #outcome = Promise.withResolvers<Exit | undefined>();
  #container: ContainerHandles | undefined;
  #session: Session | undefined;
  #acknowledgement: Acknowledgement | undefined;
  /** Of a fork: its link was opened before it was one. */
  #link: LinkQueue | undefined;

  constructor(components: AgentComponents) {
    this.#components = components;
    this.#reaper = new Reaper(components.system);
  }

  /** Runs the container VM to its end; resolves only when the machine could not be powered off. */
  async run(): Promise<void> {
    const { system, stages } = this.#components;
    try {
      await this.#live();
    } catch (error) {
      this.fail(TetherError.from(error, "guest-initialisation", "the container VM could not be set up"));
    }
    await shutDown(system, this.#container, (message) => stages.failed(message));
  }

  /** Records an error that ends the container VM, where the host finds it though the link may never come up. */
  fail(error: TetherError): void {
    this.#components.stages.failed(error.message);
    this.#events.failed(error);
    this.#outcome.resolve(undefined);
  }

  async #live(): Promise<void> {
    const { system, stages } = this.#components;
    mountAgentFileSystems(system);
    this.#recordEvents();
    this.#reaper.start();
    makeCgroups();
    system.setInterfaceUp("lo");
    const configuration = await this.#configure();
    stages.reached("configured");
    await this.#startContainer(configuration);
    await this.#serve(configuration);
    await this.#outcome.promise;
    stages.reached("process ended");
    await this.#acknowledgement?.wait();
  }

  async #configure(): Promise<Configuration> {
    const { system, stages } = this.#components;
    const document = await parseConfiguration(readFwCfgConfiguration(system));
    if (!document.template) return checkConfiguration(document);
    await this.#prepareTemplate();
    this.#link = await waitToBeForked(system, (error) => this.#reportLink(error));
    stages.restart();
    const configuration = checkConfiguration(await parseConfiguration(readFwCfgConfiguration(system)));
    system.seedRandom(configuration.randomSeed);
    if (configuration.hostTimeMs !== undefined) correctClock(system, configuration.hostTimeMs);
    return configuration;
  }

  /** Whatever a container VM needs in any case is loaded before the fork. */
  async #prepareTemplate(): Promise<void> {
    const { launcher, stages } = this.#components;
    launcher();
    await import("./ssh-server.ts");
    stages.reached("template ready");
  }

  /** The process starts before the link's code is even loaded: it needs none of it. */
  async #startContainer(configuration: Configuration): Promise<void> {
    const { stages } = this.#components;
    try {
      this.#container = await this.#makeContainer(configuration);
    } catch (error) {
      this.fail(TetherError.from(error, "guest-initialisation", "the container could not be made"));
      return;
    }
    stages.reached("container made");
    this.#session = this.#makeSession(configuration, this.#container);
    // Not awaited: it takes as long as the process lives, and tells its observer everything.
    void this.#session.start();
  }

  async #makeContainer({ hostname, extraHosts, nanoCpus }: Configuration): Promise<ContainerHandles> {
    const { system } = this.#components;
    system.setHostname(hostname);
    const cgroupProcesses = openContainerCgroup(nanoCpus);
    await mountLayerDisk(system);
    const { namespace, root } = makeContainerNamespace(system, { hostname, extraHosts });
    return { namespace, root, cgroupProcesses };
  }

  #makeSession(configuration: Configuration, container: ContainerHandles): Session {
    const { system, launcher, openPty, stages } = this.#components;
    return new Session(
      configuration.session,
      { system, reaper: this.#reaper, container, launcher: launcher(), openPty },
      {
        started: (pid) => {
          stages.reached("process started");
          this.#events.started(pid);
        },
        ended: (exit) => {
          this.#events.exited(exit);
          this.#outcome.resolve(exit);
        },
        failed: (error) => this.fail(error),
      },
    );
  }

  async #serve({ link }: Configuration): Promise<void> {
    const { system, stages } = this.#components;
    const acknowledgement = new Acknowledgement(link.acknowledgeTimeoutMs);
    this.#acknowledgement = acknowledgement;
    const { SshServer } = await import("./ssh-server.ts");
    const server = new SshServer(link, {
      control: this.#controlTarget(acknowledgement),
      session: this.#session,
      exit: this.#outcome.promise,
      connectionsChanged: (count) => acknowledgement.connectionsChanged(count),
    });
    const accept = (socket: Socket): void => server.accept(socket);
    if (this.#link === undefined) openLink(system, accept, (error) => this.#reportLink(error));
    else this.#link.serve(accept);
    stages.reached("link open");
  }

  #reportLink(error: Error): void {
    this.#components.stages.failed(`the link failed: ${error.message}`);
  }

  #controlTarget(acknowledgement: Acknowledgement): ControlTarget {
    return {
      snapshot: () => ({
        agentVersion: AGENT_VERSION,
        events: [...this.#events.events],
        stages: [...this.#components.stages.all],
        inputBytes: this.#session?.input.acceptedBytes ?? 0,
      }),
      signal: (signal, toGroup) => {
        if (this.#session === undefined)
          throw new TetherError("no-such-session", "the container has no process");
        this.#session.signal(signal, toGroup);
      },
      acknowledgeExit: () => acknowledgement.give(),
      powerOff: () => {
        this.#outcome.resolve(undefined);
        acknowledgement.give();
      },
      setClock: (milliseconds) => correctClock(this.#components.system, milliseconds),
      subscribe: (listener) => this.#events.subscribe(listener),
    };
  }

  /** Every event goes to the log port as it happens, from the first on. */
  #recordEvents(): void {
    const device = findVirtioPort(LOG_PORT_NAME);
    if (device === undefined) return;
    const port = new LogPort(device);
    this.#events.subscribe((event) => port.record(event));
  }
}
