import type { ServerChannel } from "ssh2";

/**
 * Tells why a channel's input ended: because the client said so (CHANNEL_EOF, RFC 4254 section 5.3) or because
 * the link broke. ssh2 ends the stream for both; only the channel's state tells them apart, and ssh2's types
 * do not list it.
 *
 * @returns a function to ask once the stream has ended.
 */
export function onceClientEnded(channel: ServerChannel): () => boolean {
  return () => {
    const { incoming } = channel as unknown as { readonly incoming: { readonly state: string } };
    return incoming.state === "eof";
  };
}
