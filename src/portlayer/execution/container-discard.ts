import type { LockedContainer } from "./container-store.ts";
import type { EventJournal } from "./event-journal.ts";
import { readGuestEvents } from "./guest-events.ts";

/**
 * Removes a container whose machine is gone. What its guest has reported goes with its log: the journal keeps it.
 *
 * @param withVolumes as {@link LockedContainer.remove} has it.
 */
export function discardContainer(
  { journal }: { readonly journal: EventJournal },
  container: LockedContainer,
  withVolumes?: boolean,
): void {
  const { record, folder } = container;
  const events = readGuestEvents(record, folder);
  container.remove(withVolumes);
  journal.keep(events);
  journal.add("destroy", record);
}
