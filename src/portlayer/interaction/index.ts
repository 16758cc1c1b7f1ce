/**
 * The host's side of the link to a container VM: keys, connections that are made anew when they break, control
 * requests, and the streams of an attachment. VIC's word for this part of the port layer is interaction.
 */
export { Attachment, type LocalStreams, type LocalTerminal } from "./attachment.ts";
export { GuestConnection } from "./guest-connection.ts";
export { type LinkKeys, makeLinkKeys } from "./link-keys.ts";
export type { WindowSize } from "./window-size.ts";
