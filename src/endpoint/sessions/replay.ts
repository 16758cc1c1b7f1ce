import type { Writable } from "node:stream";
import type { LogOutput } from "../../portlayer/execution/index.ts";
import type { SessionClient } from "./client.ts";

/** Gives a client what a log has, as its process has printed it. Ends early when the client leaves. */
export async function replay(entries: AsyncIterable<LogOutput>, client: SessionClient): Promise<void> {
  try {
    for await (const { stream, data } of entries)
      await write(stream === "stdout" ? client.output : client.errorOutput, data);
  } catch (error) {
    // Whoever has left needs no more of it.
    if (!client.left.aborted) throw error;
  }
}

function write(output: Writable, data: Buffer): Promise<void> {
  return new Promise((resolve) => {
    output.write(data, () => resolve());
  });
}
