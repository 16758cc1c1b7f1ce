import { TetherError } from "../../protocol/errors/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Core } from "./core.ts";
import { type GuestAccess, openGuest } from "./guest-access.ts";

/**
 * Asks a running container's guest something, on a connection that was kept or on a new one, and leaves the connection
 * to whoever comes next.
 *
 * @param work is done again when a kept connection turns out to be broken.
 * @throws TetherError as {@link openGuest} and the work do.
 */
export async function withGuest<T>(
  core: Core,
  record: ContainerRecord,
  work: (guest: GuestAccess) => Promise<T>,
): Promise<T> {
  const kept = core.guests.take(record);
  if (kept !== undefined) {
    try {
      return await workWith(core, record, kept, work);
    } catch (error) {
      if (!(error instanceof TetherError) || error.code !== "guest-lost") throw error;
    }
  }
  const guest = await openGuest(core, record);
  return workWith(core, record, guest, work);
}

async function workWith<T>(
  core: Core,
  record: ContainerRecord,
  guest: GuestAccess,
  work: (guest: GuestAccess) => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await work(guest);
  } catch (error) {
    await guest[Symbol.asyncDispose]();
    throw error;
  }
  await core.guests.give(record, guest);
  return result;
}
