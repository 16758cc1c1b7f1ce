import type { System } from "../system/system.ts";
import { checkConfiguration, parseConfiguration } from "./configuration/decode.ts";
import { STATE_FOLDER, STATE_VERSION, StateStore } from "./state-store.ts";

/**
 * Does, as an ordinary process, as much as can be done of taking over from the agent that asks for it.
 *
 * An agent that could read what another version of the state holds would also have to go on writing that version until
 * it is confirmed: when it fails, the agent before reads it again.
 *
 * @param stateVersion of what the other agent has kept, a copy of which is in the state folder.
 * @throws Error whose message says why it cannot.
 */
export async function passTrial(system: System, stateVersion: string): Promise<void> {
  if (stateVersion !== String(STATE_VERSION))
    throw new Error(
      `it keeps version ${STATE_VERSION} of the state, the agent that runs version ${stateVersion}`,
    );
  const store = new StateStore(system, STATE_FOLDER);
  await checkConfiguration(await parseConfiguration(store.document));
  // Each is read from its file.
  for (const part of [store.container, store.life, store.sessions, store.events, store.logged])
    if (part === undefined) throw new Error("the state is not complete");
  await import("./ssh-server.ts");
  store.close();
}
