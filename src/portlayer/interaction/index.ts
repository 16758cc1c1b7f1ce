/**
 * The host's side of the link to a container VM: keys, connections that are made anew when they break, control
 * requests, and the streams of an attachment. VIC's word for this part of the port layer is interaction.
 */
export { Attachment, type LocalStreams, type LocalTerminal } from "./attachment.ts";
export { DEFAULT_DETACH_KEYS, detachOn, parseDetachKeys } from "./detach-keys.ts";
export { GuestConnection } from "./guest-connection.ts";
export {
  hostKeyAlias,
  IDENTITY_FILE,
  KNOWN_HOSTS_FILE,
  readLinkFiles,
  writeLinkFiles,
} from "./link-files.ts";
export { type LinkAccess, type LinkKeys, makeLinkKeys } from "./link-keys.ts";
export type { WindowSize } from "./window-size.ts";
