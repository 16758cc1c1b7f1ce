import { AGENT_IMAGE_UUID } from "../../src/protocol/agent-image.ts";

/** As much of an agent image as tells that it is one. */
export function agentSuperblock(): Buffer {
  const image = Buffer.alloc(1024 + 64);
  image.writeUInt32LE(0xe0f5e1e2, 1024);
  image.write(AGENT_IMAGE_UUID.replaceAll("-", ""), 1024 + 48, "hex");
  return image;
}
