import { VolumeStore } from "../storage/index.ts";
import { EventJournal } from "./event-journal.ts";
import type { StateFolder } from "./state-folder.ts";

/** The volumes of a state folder; what is made and removed is written down for `events`. */
export function openVolumes(state: StateFolder): VolumeStore {
  const journal = new EventJournal(state);
  return new VolumeStore(state.volumes, (action, name) =>
    journal.addOther("volume", action, name, { driver: "local" }),
  );
}
