import type { Socket } from "node:net";
import {
  KernelContainerCgroup,
  makeCgroups,
  mountAgentFileSystems,
  limitCpus,
  limitProcesses,
  Reaper,
  readDiskSerial,
  removeAgentImages,
} from "../init/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import {
  type ContainerHandles,
  ContainerSessions,
  type Exit,
  MAIN_SESSION,
  type OpenPty,
  type OutputRecord,
  sealLauncher,
} from "../session/index.ts";
import type { Takeover } from "../system/crash-plan.ts";
import type { System } from "../system/system.ts";
import { Acknowledgement } from "./acknowledgement.ts";
import { AgentContainer } from "./agent-container.ts";
import { checkConfiguration, type Configuration, parseConfiguration } from "./configuration/decode.ts";
import { FwCfgSource } from "./configuration/fw-cfg-source.ts";
import { ControlRequests } from "./control-requests.ts";
import { installCrashPlan } from "./crash-handling.ts";
import { EventLog } from "./event-log.ts";
import { OneChange } from "./one-change.ts";
import { settleLater } from "./settle.ts";
import { outputRecord } from "./output-record.ts";
import { openLink } from "./link.ts";
import type { LogWriter } from "./log-writer.ts";
import { recordEvents } from "./record-events.ts";
import { shutDown } from "./shutdown.ts";
import type { Stages } from "./stages.ts";
import { isHopeless, type LoggedOffsets, NOTHING_LOGGED, STATE_FOLDER, StateStore } from "./state-store.ts";
import { correctClock, type LinkQueue, waitToBeForked } from "./template.ts";
import type { UpgradeRequest } from "./upgrade.ts";
import { UserNames } from "./user-names.ts";
import { UserServices } from "./user-services.ts";
import { AgentStatistics } from "./statistics/agent-statistics.ts";
import { AGENT_VERSION } from "./version.ts";
import { openVmware, type VmwareGuest } from "./vmware-guest.ts";

/** What the agent is made of. */
export interface AgentComponents {
  readonly system: System;
  readonly stages: Stages;
  /** Path of `tether-exec`, unpacked when it is needed. */
  readonly launcher: () => string;
  readonly openPty: OpenPty;
  /** This agent takes over from one of another image, and its crash plan is installed. */
  readonly takeover: Takeover | undefined;
}

/** The life of one container VM, seen from inside: configure, run the process, tell how it ended, power off. */
export class Agent {
  readonly #components: AgentComponents;
  readonly #events = new EventLog();
  readonly #reaper: Reaper;
  readonly #cgroup = new KernelContainerCgroup();
  readonly #outcome = Promise.withResolvers<Exit | undefined>();
  readonly #container: AgentContainer;
  #sessions: ContainerSessions | undefined;
  #acknowledgement: Acknowledgement | undefined;
  #log: LogWriter | undefined;
  #store: StateStore | undefined;
  #document: Uint8Array = new Uint8Array();
  /** On VMware only. */
  #vmware: VmwareGuest | undefined;
  /** Of a fork: its link was opened before it was one. */
  #link: LinkQueue | undefined;
  #isSuccessor = false;
  /** Until it is confirmed. */
  #takeover: Takeover | undefined;
  readonly #changes = new OneChange();
  readonly #statistics: AgentStatistics;

  constructor(components: AgentComponents) {
    this.#components = components;
    this.#takeover = components.takeover;
    const { system, stages } = components;
    this.#reaper = new Reaper(system);
    this.#container = new AgentContainer({
      ...{ system, stages, reaper: this.#reaper },
      onFileSystemError: (error) =>
        this.#events.record({ fileSystemFailed: { ...error, volumes: [...error.volumes] } }, MAIN_SESSION),
      onMade: (handles) => this.#store?.saveContainer(handles),
    });
    const { volumes } = this.#container;
    this.#statistics = new AgentStatistics({
      ...{ system, volumes: () => volumes.places },
      report: (error) =>
        stages.failed(`recording statistics: ${TetherError.from(error, "internal", "").message}`),
    });
  }

  /**
   * Runs the container VM to its end; resolves only when the machine could not be powered off.
   *
   * @param crash why the agent before this one has ended: this one takes its container over.
   */
  async run(crash: string | undefined): Promise<void> {
    const { system, stages } = this.#components;
    try {
      if (crash === undefined) await this.#live();
      else await this.#takeOver(crash);
    } catch (error) {
      const failure = TetherError.from(error, "guest-initialisation", "the container VM could not be set up");
      // The agent before has the container back.
      if (this.#takeover !== undefined) system.restart(failure.message);
      this.fail(failure);
    }
    await this.#log?.flush();
    await this.#vmware?.flush();
    this.#statistics.close();
    const [container, cgroup, volumes] = [this.#container.handles, this.#cgroup, this.#container.volumes];
    await shutDown({ system, container, cgroup, volumes, report: (message) => stages.failed(message) });
  }

  /** Whether another agent could take over: there is a container. */
  get canBeReplaced(): boolean {
    return this.#store !== undefined || this.#takeover !== undefined;
  }

  /** Records an error that ends the container VM, where the host finds it though the link may never come up. */
  fail(error: TetherError): void {
    this.#components.stages.failed(error.message);
    this.#events.record({ failed: { error: { code: error.code, message: error.message } } }, MAIN_SESSION);
    this.#outcome.resolve(undefined);
  }

  async #live(): Promise<void> {
    const { system, stages } = this.#components;
    mountAgentFileSystems(system);
    this.#log = recordEvents(this.#events);
    this.#vmware = await openVmware(system, stages, this.#events);
    this.#reaper.start();
    makeCgroups();
    system.setInterfaceUp("lo");
    const configuration = await this.#configure();
    stages.reached("configured");
    await this.#startContainer(configuration);
    await this.#serve(configuration);
    await this.#finish();
  }

  async #finish(): Promise<void> {
    await this.#outcome.promise;
    this.#components.stages.reached("process ended");
    const { network, volumes } = this.#container;
    const released = volumes.before(() => network.release());
    await Promise.all([released, this.#acknowledgement?.wait()]);
  }

  /** Everything but the agent has gone on: it finds the container, its processes and their output where they were. */
  async #takeOver(crash: string): Promise<void> {
    this.#isSuccessor = true;
    const { system, stages } = this.#components;
    if (this.#takeover === undefined) removeAgentImages(system);
    this.#statistics.resume();
    const store = new StateStore(system, STATE_FOLDER);
    const restarts = store.beginRestart();
    if (isHopeless(restarts))
      throw new TetherError("internal", `the agent crashed ${restarts.count} times in a row (${crash})`);
    this.#events.resume(store.events);
    this.#log = recordEvents(this.#events);
    this.#vmware = await openVmware(system, stages, this.#events);
    // Whoever can crash has told that it took over.
    system.uninterrupted(() => {
      this.#keep(store);
      // What the agent before may not have written; the host leaves out what it has.
      for (const event of this.#events.after(0))
        if (event.sessionId === MAIN_SESSION) this.#log?.record(event);
      if (this.#takeover === undefined) this.#recordRestart(crash);
    });
    const configuration = await checkConfiguration(await parseConfiguration(store.document));
    this.#log?.configure({ ...configuration.log, writtenBytes: store.logged.fileBytes });
    this.#vmware?.configured(configuration.hostname);
    this.#sessions = this.#makeSessions(configuration, store.container, store.logged);
    void this.#sessions.ended.then((exit) => this.#outcome.resolve(exit));
    await this.#container.resume(configuration, store.container);
    const { sessions } = store;
    store.closeForgotten(sessions, this.#statistics.descriptors);
    this.#sessions.resume(sessions, store.life);
    // Not before everybody waits for his child.
    this.#reaper.start();
    stages.reached("taken over");
    await this.#serve(configuration);
    store.ready();
    await this.#finish();
  }

  /** From here on a crash ends in an agent that takes over. */
  #keep(store: StateStore): void {
    const { system } = this.#components;
    this.#store = store;
    this.#events.subscribe((event) => store.addEvent(event, () => this.#events.after(0)));
    if (this.#takeover === undefined) installCrashPlan(system, undefined);
  }

  /** @param reason why the agent before this one has ended. */
  #recordRestart(reason: string): void {
    this.#events.record({ agentRestarted: { reason, agentVersion: AGENT_VERSION } }, MAIN_SESSION);
  }

  /** @throws TetherError; only so it returns: else another agent is in this one's place. */
  async #upgrade(request: UpgradeRequest): Promise<never> {
    const { system, launcher } = this.#components;
    if (this.#store === undefined) throw new TetherError("conflict", "the container VM only serves files");
    if (this.#takeover !== undefined)
      throw new TetherError("conflict", "the agent is being upgraded already");
    return this.#changes.run(async () => {
      const { upgradeAgent } = await import("./upgrade.ts");
      return upgradeAgent(request, { system, reaper: this.#reaper, launcher: launcher() });
    });
  }

  /** Brings the container to a newer document. @returns what was changed. */
  async #reload(document: Uint8Array): Promise<string[]> {
    const [store, sessions] = [this.#store, this.#sessions];
    if (store === undefined || sessions === undefined)
      throw new TetherError("conflict", "the container VM only serves files");
    if (this.#takeover !== undefined) throw new TetherError("conflict", "the agent is being upgraded");
    return this.#changes.run(async () => {
      const { reloadConfiguration } = await import("./reload.ts");
      return reloadConfiguration(document, {
        document: store.document,
        applyNetwork: ({ network }) => this.#container.network.apply(network),
        applyVolumes: ({ volumes }) =>
          this.#statistics.besides(() => this.#container.volumes.apply(volumes, store.container)),
        writeNames: (next) => this.#container.renewNames(next),
        limitCpus,
        limitProcesses,
        changeRestartPolicy: (policy) => sessions.changeRestartPolicy(policy),
        applied: (bytes, next) => {
          store.saveDocument(bytes);
          this.#container.configured(next);
          this.#container.watchFileSystems();
        },
      });
    });
  }

  /** From here on the agent before is history. */
  #confirmUpgrade(): void {
    const takeover = this.#takeover;
    const { system } = this.#components;
    if (takeover === undefined) throw new TetherError("conflict", "there is no upgrade to confirm");
    system.uninterrupted(() => {
      system.settleUpgrade(takeover.image);
      this.#takeover = undefined;
      this.#recordRestart("upgrade");
    });
    removeAgentImages(system);
    this.#container.network.renewPrograms();
  }

  async #configure(): Promise<Configuration> {
    const { system, stages, launcher } = this.#components;
    this.#document = await this.#readDocument();
    const document = await parseConfiguration(this.#document);
    if (!document.template) return checkConfiguration(document);
    const { network, volumes } = this.#container;
    const { prepareTemplate } = await import("./prepare-template.ts");
    await prepareTemplate({ launcher, network, volumes, statistics: this.#statistics });
    // What the start has freed would be in every fork: 1 MiB. (JavaScript's garbage is too little to be worth a collection.)
    system.trimMemory();
    stages.reached("template ready");
    this.#link = await waitToBeForked(system, (error) => this.#reportLink(error));
    stages.restart();
    this.#document = await this.#readDocument();
    const configuration = await checkConfiguration(await parseConfiguration(this.#document));
    system.seedRandom(configuration.randomSeed);
    if (configuration.hostTimeMs !== undefined) correctClock(system, configuration.hostTimeMs);
    return configuration;
  }

  /** On QEMU nothing but fw_cfg's code is loaded. */
  async #readDocument(): Promise<Uint8Array> {
    const { system } = this.#components;
    const fwCfg = new FwCfgSource(system);
    const document = await fwCfg.read();
    if (document !== undefined) return document;
    const { findConfiguration } = await import("./configuration/find-configuration.ts");
    return (await findConfiguration(system, this.#vmware?.source)).document;
  }

  /** The process starts before the link's code is even loaded: it needs none of it. */
  async #startContainer(configuration: Configuration): Promise<void> {
    const { system, stages } = this.#components;
    this.#log?.configure(configuration.log);
    this.#vmware?.configured(configuration.hostname);
    let container: ContainerHandles;
    try {
      container = await this.#container.make(configuration);
    } catch (error) {
      this.fail(TetherError.from(error, "guest-initialisation", "the container could not be made"));
      return;
    }
    stages.reached("container made");
    if (configuration.servesFilesOnly) {
      // Nothing is to end: whoever has come for the files tells when he is done. A crash ends the VM.
      this.#sessions = this.#makeSessions(configuration, container, NOTHING_LOGGED);
      this.#outcome.resolve(undefined);
      return;
    }
    const store = new StateStore(system, STATE_FOLDER);
    store.saveDocument(this.#document);
    store.saveContainer(container);
    this.#keep(store);
    this.#sessions = this.#makeSessions(configuration, container, NOTHING_LOGGED);
    this.#sessions.start();
    void this.#sessions.ended.then((exit) => this.#outcome.resolve(exit));
  }

  /** @param logged what an agent before this one has logged of the main process's output. */
  #makeSessions(
    configuration: Configuration,
    container: ContainerHandles,
    logged: LoggedOffsets,
  ): ContainerSessions {
    const { system, launcher, openPty, stages } = this.#components;
    const { session, life } = configuration;
    let isFirst = true;
    // A process that is started again writes its streams from their beginning.
    const record = (): OutputRecord | undefined => {
      const offsets = isFirst ? logged : NOTHING_LOGGED;
      isFirst = false;
      const log = this.#log;
      return log && outputRecord(log, offsets, (latest) => this.#store?.saveLogged(latest));
    };
    return new ContainerSessions(
      { main: session, ...life },
      {
        system,
        reaper: this.#reaper,
        launcher: sealLauncher(system, launcher()),
        openPty,
        cgroup: this.#cgroup,
        container: () => this.#container.handles ?? container,
        renew: () => this.#container.renew(),
        record,
        report: (body, sessionId) => {
          if (body.started && sessionId === MAIN_SESSION) stages.reached("process started");
          if (body.failed && sessionId === MAIN_SESSION) stages.failed(body.failed.error?.message ?? "");
          this.#events.record(body, sessionId);
        },
        ...(this.#store === undefined ? {} : { store: this.#store }),
      },
    );
  }

  async #serve({ link, servesFilesOnly, guestinfoPeriodMs }: Configuration): Promise<void> {
    const { system, stages } = this.#components;
    const acknowledgement = new Acknowledgement(link.acknowledgeTimeoutMs);
    this.#acknowledgement = acknowledgement;
    const { SshServer } = await import("./ssh-server.ts");
    const container = this.#container.handles;
    const sessions = this.#sessions;
    const server = new SshServer(link, {
      control: this.#controlRequests(acknowledgement, servesFilesOnly),
      sessions,
      services:
        sessions === undefined || container === undefined
          ? undefined
          : new UserServices(system, sessions, () => this.#container.handles ?? container),
      ...{ holders: acknowledgement, statistics: this.#statistics },
    });
    const accept = (socket: Socket): void => server.accept(socket);
    if (this.#link === undefined) {
      const report = (error: Error): void => this.#reportLink(error);
      openLink(system, accept, { report, isInterrupted: this.#isSuccessor });
    } else this.#link.serve(accept);
    stages.reached("link open");
    if (!servesFilesOnly) this.#statistics.begin();
    if (!servesFilesOnly && guestinfoPeriodMs !== undefined)
      void this.#vmware?.publishStatistics(this.#statistics, guestinfoPeriodMs);
    settleLater(system, () => {
      if (!servesFilesOnly) this.#container.watchFileSystems();
    });
    const mayReload = (): boolean => this.#takeover === undefined && !this.#changes.isUnderWay;
    if (!servesFilesOnly) this.#vmware?.watch(mayReload, (document) => this.#reload(document));
  }

  #reportLink(error: Error): void {
    this.#components.stages.failed(`the link failed: ${error.message}`);
  }

  #controlRequests(acknowledgement: Acknowledgement, servesFilesOnly: boolean): ControlRequests {
    const { system, stages } = this.#components;
    const names = new UserNames(system, () => this.#container.handles?.root);
    return new ControlRequests({
      agentVersion: AGENT_VERSION,
      sessions: this.#sessions,
      processes: () => this.#cgroup.processes(),
      userName: (uid) => names.nameOf(uid),
      events: (afterSequence) => this.#events.after(afterSequence),
      stages: () => [...stages.all],
      subscribe: (listener) => {
        const letGo = servesFilesOnly ? acknowledgement.add() : (): void => {};
        const unsubscribe = this.#events.subscribe(listener);
        return () => {
          unsubscribe();
          letGo();
        };
      },
      acknowledgeExit: () => acknowledgement.give(),
      powerOff: () => {
        this.#outcome.resolve(undefined);
        acknowledgement.give();
      },
      setClock: (milliseconds) => this.#statistics.clockWasOff(correctClock(system, milliseconds)),
      logRotated: (writtenBytes) => this.#log?.rotated(writtenBytes),
      limitProcesses: (pidsLimit) => limitProcesses(pidsLimit),
      limitCpus: (nanoCpus) => limitCpus(nanoCpus),
      reload: (document) => this.#reload(document),
      describeAgent: () => ({
        version: AGENT_VERSION,
        diskSerial: readDiskSerial("/"),
        isUnconfirmed: this.#takeover !== undefined,
      }),
      upgrade: (request) => this.#upgrade(request),
      confirmUpgrade: () => this.#confirmUpgrade(),
    });
  }
}
