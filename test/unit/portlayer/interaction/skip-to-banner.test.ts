import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { skipToBanner } from "../../../../src/portlayer/interaction/skip-to-banner.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const BANNER = "SSH-2.0-tether\r\n";

describe("a link that still holds bytes of an older connection", () => {
  const folder = useTemporaryFolder();
  let server: Server;
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  const connect = async (): Promise<{ stream: Duplex; guest: Socket }> => {
    server = createServer().listen(join(folder.path, "link.sock"));
    const accepted = once(server, "connection");
    const socket = createConnection(join(folder.path, "link.sock"));
    const [guest] = (await accepted) as [Socket];
    guest.on("error", () => {});
    sockets.push(socket, guest);
    return { stream: skipToBanner(socket), guest };
  };

  it("begins with the banner, however the bytes are cut", async () => {
    const rest = fc.uint8Array({ maxLength: 40 });
    const places = fc.array(fc.nat(100), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), rest, places, async (before, after, cuts) => {
        const old = Buffer.from(before);
        if (old.includes("SSH-2.0-")) return;
        const { stream, guest } = await connect();
        const all = Buffer.concat([old, Buffer.from(BANNER), after]);
        const received = buffer(stream);
        const ends = [...cuts.map((place) => place % all.length), all.length].toSorted((a, b) => a - b);
        for (const [index, end] of ends.entries()) {
          guest.write(all.subarray(ends[index - 1] ?? 0, end));
          await new Promise(setImmediate);
        }
        guest.end();
        assert.ok((await received).equals(all.subarray(old.length)));
        server.close();
      }),
      { numRuns: 25 },
    );
  });

  it("carries what is written, and its end", async () => {
    const { stream, guest } = await connect();
    const received = buffer(guest);
    stream.write("SSH-2.0-host\r\n");
    stream.end("more");
    assert.equal((await received).toString(), "SSH-2.0-host\r\nmore");
  });

  it("fails when no banner comes in four mebibytes", async () => {
    const { stream, guest } = await connect();
    const failed = once(stream, "error");
    guest.write(Buffer.alloc(5 * 1024 * 1024));
    stream.resume();
    const [error] = (await failed) as [Error];
    assert.match(error.message, /does not speak SSH/);
  });

  it("ends with the link", async () => {
    const { stream, guest } = await connect();
    stream.resume();
    guest.destroy();
    await once(stream, "close");
  });
});
