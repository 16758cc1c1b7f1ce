import { TetherError } from "../../protocol/errors/index.ts";
import type { Request } from "../../protocol/control-messages.ts";
import { encodePidsLimit, restartKind } from "./configuration-document.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { RestartPolicy } from "./container-settings.ts";
import { hasGuest, isUp, observeState } from "./container-state.ts";
import { type Core, type KnownContainer, lockSettled, lookSettled } from "./core.ts";
import { notRunning, openGuest } from "./guest-access.ts";
import { settingsOf } from "./machine-start.ts";
import { remainingPolicy } from "./restart-policy.ts";
import { nanoCpusOf, virtualCpus } from "./run-request.ts";

/** Freezes a container. @throws TetherError in Docker's words when it does not run. */
export async function pauseContainer(core: Core, reference: string): Promise<void> {
  const { record, state } = await lookSettled(core, reference);
  if (state.status === "paused")
    throw new TetherError("container-paused", `Container ${record.id} is already paused`);
  if (state.status === "restarting")
    throw new TetherError(
      "container-not-running",
      `Container ${record.id} is restarting, wait until the container is running`,
    );
  if (!isUp(state)) throw notRunning(record.id);
  await ask(core, { record, state }, { pause: {} });
}

/** Lets a frozen container go on. @throws TetherError in Docker's words when it is not frozen. */
export async function unpauseContainer(core: Core, reference: string): Promise<void> {
  const { record, state } = await lookSettled(core, reference);
  if (state.status !== "paused")
    throw new TetherError("container-not-running", `Container ${record.id} is not paused`);
  await ask(core, { record, state }, { unpause: {} });
}

/** Gives a container another name. @throws TetherError `name-in-use`, `invalid-option`, in Docker's words. */
export async function renameContainer(core: Core, reference: string, name: string): Promise<void> {
  using container = await lockSettled(core, reference);
  const oldName = container.record.name;
  if (name === "") throw new TetherError("invalid-option", "Neither old nor new names may be empty");
  if (name === oldName)
    throw new TetherError("invalid-option", "Renaming a container with the same name as its current name");
  container.rename(name);
  core.journal.add("rename", container.record, { oldName: `/${oldName}` });
}

/** What `update` changes; undefined for what stays. */
export interface ContainerChanges {
  readonly restart: RestartPolicy | undefined;
  /** 0 for as many processes as the VM can spare. */
  readonly pidsLimit: number | undefined;
  /** As in {@link ContainerRequest}: may be a fraction. */
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
}

/**
 * Docker's `update`: now, if the container is up, and for every later start. A machine that runs keeps its memory and the
 * number of its CPUs.
 *
 * @throws TetherError `invalid-option` in Docker's words; `conflict` for what only a machine that does not run can get.
 */
export async function updateContainer(
  core: Core,
  reference: string,
  changes: ContainerChanges,
): Promise<void> {
  const { restart, pidsLimit, cpus, memoryBytes } = changes;
  using container = await lockSettled(core, reference);
  const { record } = container;
  const settings = settingsOf(record);
  if (settings.autoRemove && restart !== undefined && restart.name !== "no")
    throw new TetherError(
      "invalid-option",
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
    );
  const known = { record, state: observeState(core.containers, record) };
  if (hasGuest(known)) requireFit(record, changes);
  const nanoCpus = cpus === undefined ? undefined : nanoCpusOf(cpus);
  container.save({
    ...record,
    ...(cpus === undefined || hasGuest(known) ? {} : { cpus: virtualCpus({ cpus }) }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    settings: {
      ...settings,
      ...(restart && { restart }),
      ...(pidsLimit === undefined ? {} : { pidsLimit }),
      ...(nanoCpus === undefined ? {} : { nanoCpus }),
    },
  });
  if (hasGuest(known)) {
    if (restart !== undefined)
      await ask(core, known, { updateRestartPolicy: encodeRestart(restart, record) });
    if (pidsLimit !== undefined)
      await ask(core, known, { updatePidsLimit: { pidsLimit: encodePidsLimit(pidsLimit) } });
    if (nanoCpus !== undefined) await ask(core, known, { updateNanoCpus: { nanoCpus } });
  }
  core.journal.add("update", container.record);
}

/** @throws TetherError `conflict`; nothing has changed then. */
function requireFit(record: ContainerRecord, { cpus, memoryBytes }: ContainerChanges): void {
  if (cpus !== undefined && cpus > record.cpus)
    throw new TetherError(
      "conflict",
      `container ${record.name} runs on a VM with ${record.cpus === 1 ? "1 CPU" : `${record.cpus} CPUs`}: ` +
        `stop it to give it ${cpus}`,
    );
  if (memoryBytes !== undefined && memoryBytes !== record.memoryBytes)
    throw new TetherError(
      "conflict",
      `container ${record.name} runs on a VM with ${record.memoryBytes} bytes of memory: stop it to give it ${memoryBytes}`,
    );
}

function encodeRestart(
  policy: RestartPolicy,
  { restarts }: ContainerRecord,
): NonNullable<Request["updateRestartPolicy"]> {
  const { name, maximumRetryCount } = remainingPolicy(policy, restarts?.count ?? 0);
  return { kind: restartKind(name), maximumRetryCount };
}

async function ask(core: Core, { record }: KnownContainer, request: Omit<Request, "id">): Promise<void> {
  await using guest = await openGuest(core, record);
  await guest.connection.request(request);
}
