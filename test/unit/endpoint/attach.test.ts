import assert from "node:assert/strict";
import { once } from "node:events";
import { text as textOf } from "node:stream/consumers";
import { request as sendRequest } from "node:http";
import { say } from "../../support/endpoint/fake-containers.ts";
import { useServed } from "../../support/endpoint/served.ts";

const PRINTED = [
  { stream: "stdout", text: "one\n" },
  { stream: "stderr", text: "two\n" },
  { stream: "stdout", text: "later\n", isLater: true },
] as const;

/** A frame of Docker's multiplexed streams. */
function framed(stream: 1 | 2, text: string): Buffer {
  return Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
}

/** All that a WebSocket says until it is closed, and how it is closed. */
async function hear(socket: WebSocket): Promise<{ text: string; code: number }> {
  socket.binaryType = "arraybuffer";
  const pieces: Buffer[] = [];
  socket.addEventListener("message", ({ data }) => pieces.push(Buffer.from(data as ArrayBuffer)));
  const [{ code }] = (await once(socket, "close")) as [CloseEvent];
  return { text: Buffer.concat(pieces).toString("utf8"), code };
}

describe("attaching to a container", () => {
  const served = useServed();

  beforeEach(() => {
    served.containers.printed.set("box", PRINTED);
  });

  it("gives its log and no more when only that is asked for, of one that runs and one that does not", async () => {
    for (const [name, status] of [
      ["box", "running"],
      ["ended", "exited"],
    ] as const) {
      served.containers.printed.set(name, PRINTED);
      served.containers.add(name, status);
      const attached = await served.upgrade(`/containers/${name}/attach?logs=1&stdout=1&stderr=1`);
      assert.deepEqual(await attached.rest(), Buffer.concat([framed(1, "one\n"), framed(2, "two\n")]));
      const errors = await served.upgrade(`/containers/${name}/attach?logs=1&stderr=1`);
      assert.deepEqual(await errors.rest(), framed(2, "two\n"));
    }
    assert.deepEqual(served.containers.calls, []);
  });

  it("gives what was printed before and after as one stream, each line once", async () => {
    served.containers.add("box", "running", { openStdin: true, stdinOnce: true });
    let got = "";
    served.containers.process = async ({ input, output }) => {
      for await (const chunk of input ?? []) got += String(chunk);
      // It is in the log, too.
      await say(output, "later\n");
      return 0;
    };
    const attached = await served.upgrade("/containers/box/attach?logs=1&stream=1&stdin=1&stdout=1");
    await attached.head();
    attached.socket.end("typed");
    assert.deepEqual(await attached.rest(), Buffer.concat([framed(1, "one\n"), framed(1, "later\n")]));
    assert.equal(got, "typed");
  });

  it("replays the log of a container that has ended before it waits for its next start", async () => {
    served.containers.add("box", "exited");
    served.containers.process = async ({ output }) => {
      await say(output, "again\n");
      return 0;
    };
    const attached = await served.upgrade("/containers/box/attach?logs=1&stream=1&stdout=1");
    await attached.head();
    // Its log comes first: whoever has it waits for the start.
    await attached.until("one\n");
    while ((await served.ask("POST", "/containers/box/start")).status !== 204);
    const all = await attached.rest();
    assert.deepEqual(all, Buffer.concat([framed(1, "one\n"), framed(1, "again\n")]));
  });

  it("keeps input that comes in one piece with the request", async () => {
    served.containers.add("box", "running", { openStdin: true, stdinOnce: true });
    served.containers.process = async ({ input, output }) => {
      for await (const chunk of input ?? []) await say(output, String(chunk));
      return 0;
    };
    const attached = await served.upgrade("/containers/box/attach?stream=1&stdin=1&stdout=1", "", "early");
    attached.socket.end();
    assert.deepEqual(await attached.rest(), framed(1, "early"));
  });

  it("goes on until the process has all that a client gave that ends its input at once, and no longer", async () => {
    served.containers.add("box", "running", { openStdin: true });
    const got = Promise.withResolvers<string>();
    served.containers.process = async ({ input, onInputEnd }) => {
      // It takes its time.
      await new Promise(setImmediate);
      assert(input !== undefined);
      got.resolve(await textOf(input));
      onInputEnd?.();
      return new Promise(() => {});
    };
    const attached = await served.upgrade("/containers/box/attach?stream=1&stdin=1&stdout=1");
    attached.socket.end("typed");
    assert.equal(await got.promise, "typed");
    assert.equal((await attached.rest()).length, 0);
  });

  it("is over at once for a client that gives nothing", async () => {
    served.containers.add("box", "running", { openStdin: true });
    served.containers.process = () => new Promise(() => {});
    const attached = await served.upgrade("/containers/box/attach?stream=1&stdin=1&stdout=1");
    await attached.head();
    attached.socket.end();
    assert.equal((await attached.rest()).length, 0);
  });

  it("works by WebSocket: both outputs as they come, input, and the container's end", async () => {
    served.containers.add("box", "running", { openStdin: true, stdinOnce: true });
    served.containers.process = async ({ input, output, errorOutput }) => {
      for await (const chunk of input ?? []) {
        await say(output, `got ${String(chunk).length}`);
        await say(errorOutput, ", error");
        break;
      }
      return 0;
    };
    const path = "/v1.43/containers/box/attach/ws?stream=1&stdin=1&stdout=1&stderr=1";
    const socket = new WebSocket(`ws://${served.internet}${path}`);
    const heard = hear(socket);
    await once(socket, "open");
    // Its length does not fit into one byte.
    socket.send(Buffer.alloc(300, "x"));
    assert.deepEqual(await heard, { text: "got 300, error", code: 1000 });
  });

  it("gives the log by WebSocket", async () => {
    served.containers.add("box", "exited");
    const socket = new WebSocket(`ws://${served.internet}/containers/box/attach/ws?logs=1&stdout=1&stderr=1`);
    assert.deepEqual(await hear(socket), { text: "one\ntwo\n", code: 1000 });
  });

  it("goes on without a WebSocket's client that has closed it", async () => {
    served.containers.add("box", "running");
    const left = Promise.withResolvers<void>();
    served.containers.process = () => new Promise(() => {});
    const socket = new WebSocket(`ws://${served.internet}/containers/box/attach/ws?stream=1&stdout=1`);
    socket.addEventListener("close", () => left.resolve());
    await once(socket, "open");
    socket.close();
    await left.promise;
    assert.equal((await served.ask("GET", "/containers/json")).status, 200);
  });

  it("refuses a WebSocket that is none, of a container that is not there, and of another site's page", async () => {
    served.containers.add("box", "running");
    const key = { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13" };
    const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
    const ask = (path: string, headers: Record<string, string>): Promise<number> =>
      new Promise((resolve, reject) => {
        const request = sendRequest(`http://${served.internet}${path}`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        request.on("upgrade", (response, socket) => {
          socket.destroy();
          resolve(response.statusCode ?? 0);
        });
        request.on("error", reject);
        request.end();
      });
    const path = "/containers/box/attach/ws?stream=1";
    assert.equal(await ask(path, {}), 400);
    assert.equal(await ask(path, { ...upgrade, ...key, "Sec-WebSocket-Version": "8" }), 400);
    assert.equal(await ask("/containers/none/attach/ws", { ...upgrade, ...key }), 404);
    assert.equal(await ask(path, { ...upgrade, ...key, Origin: "http://evil.example" }), 403);
    assert.equal(await ask(path, { ...upgrade, ...key, Origin: `http://${served.internet}` }), 101);
  });
});
