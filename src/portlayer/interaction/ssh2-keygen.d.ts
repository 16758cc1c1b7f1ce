/** ssh2's key generator alone: its index loads client and server, 20 ms before a machine can be started. */
declare module "ssh2/lib/keygen.js" {
  import type { utils } from "ssh2";
  const keygen: { readonly generateKeyPairSync: typeof utils.generateKeyPairSync };
  export default keygen;
}
