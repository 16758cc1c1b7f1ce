/** The guest's side of VMware's guestinfo: loaded on VMware only. */
export { GuestInfo } from "./guest-info.ts";
export { DocumentWatch, type ReloadOutcome } from "./document-watch.ts";
