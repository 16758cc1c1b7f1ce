import { describeProblems } from "../protocol/configuration/problems.ts";
import { readDocument } from "../protocol/configuration/document.ts";
import { problemsOf } from "../protocol/configuration/problems-of.ts";
import { type Change, describeChange, planReload } from "../protocol/configuration/reload.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { RestartPolicy } from "../session/index.ts";
import { configurationOf, type Configuration } from "./configuration/decode.ts";

/** What a reload changes of a container VM that runs. Each may be called again with what it has been called with. */
export interface ReloadTarget {
  /** The document that is applied. */
  readonly document: Uint8Array;
  /** Brings the vNICs, the firewall and the name servers to what the configuration says; nothing without vNICs. */
  readonly applyNetwork: (next: Configuration) => Promise<void>;
  /** Takes volumes away, and attaches new ones. */
  readonly applyVolumes: (next: Configuration) => Promise<void>;
  /** Writes the container's hosts and resolv.conf anew. */
  readonly writeNames: (next: Configuration) => void;
  /** @param nanoCpus 0 for no limit. */
  readonly limitCpus: (nanoCpus: number) => void;
  readonly limitProcesses: (pidsLimit: number) => void;
  readonly changeRestartPolicy: (policy: RestartPolicy) => void;
  /** Notes the document that is applied from now on, also for an agent that takes over. */
  readonly applied: (document: Uint8Array, next: Configuration) => void;
}

/**
 * Brings a container VM that runs to a newer document. Nothing is changed when the document is not in order, or says
 * something that cannot change. When a change fails, those before it stay, and the document does not count as applied:
 * the same one may be sent again.
 *
 * @returns what was changed, as `add interfaces[eth1]`; nothing for the document that is applied already.
 * @throws TetherError `configuration-invalid`, `conflict` with the names of what cannot change, or a change's own.
 */
export async function reloadConfiguration(bytes: Uint8Array, target: ReloadTarget): Promise<string[]> {
  const next = await readDocument(bytes);
  if (next.template)
    throw new TetherError("configuration-invalid", "template is set: this VM has a container");
  const problems = await problemsOf(next);
  if (problems.length > 0) throw new TetherError("configuration-invalid", describeProblems(problems));
  const { changes, refusals } = planReload(await readDocument(target.document), next);
  if (refusals.length > 0) throw new TetherError("conflict", describeProblems(refusals));
  if (changes.length === 0) return [];
  const configuration = configurationOf(next);
  await carryOut(changes, configuration, target);
  target.applied(bytes, configuration);
  return changes.map(describeChange).filter((text) => text !== undefined);
}

/** The network first, which a volume may come by: these two can fail. */
async function carryOut(
  changes: readonly Change[],
  next: Configuration,
  target: ReloadTarget,
): Promise<void> {
  const isSet = (property: string): boolean =>
    changes.some((change) => change.kind === "set" && change.properties.join(".") === property);
  const changesInterfaces = changes.some((change) => change.kind !== "set" && change.list === "interfaces");
  // Name servers of the document and of leases are the network's to put together.
  const changesNetwork = changesInterfaces || isSet("resolver");
  if (changesNetwork) await target.applyNetwork(next);
  if (changes.some((change) => change.kind !== "set" && change.list === "volumes"))
    await target.applyVolumes(next);
  if (changesNetwork || isSet("extraHosts")) target.writeNames(next);
  if (isSet("nanoCpus")) target.limitCpus(next.nanoCpus);
  if (isSet("pidsLimit")) target.limitProcesses(next.pidsLimit);
  if (isSet("restart")) target.changeRestartPolicy(next.life.restart);
}
