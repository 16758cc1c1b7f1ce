/**
 * ssh2's server half alone: its index also loads the client, the agents and the key generator, which the guest
 * never needs and would have to read at every start.
 */
declare module "ssh2/lib/server.js" {
  import type { Server } from "ssh2";
  const server: typeof Server;
  export default server;
}

declare module "ssh2/lib/protocol/keyParser.js" {
  import type { utils } from "ssh2";
  const keyParser: { readonly parseKey: typeof utils.parseKey };
  export default keyParser;
}

declare module "ssh2/lib/protocol/utils.js" {
  interface Protocol {
    readonly _packetRW: {
      readonly write: {
        readonly allocStart: number;
        alloc(payloadBytes: number): Uint8Array;
        finalize(packet: Uint8Array): Uint8Array;
      };
    };
  }
  const utils: { readonly sendPacket: (protocol: Protocol, packet: Uint8Array) => unknown };
  export default utils;
}
