import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import { ApiServer } from "../../../src/endpoint/http/api-server.ts";
import type { Exchange } from "../../../src/endpoint/http/exchange.ts";
import type { Log } from "../../../src/endpoint/http/log.ts";
import { Router } from "../../../src/endpoint/http/router.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

/** Of the log that a server got: everything in one line. */
type Line = Readonly<Record<string, unknown>>;

function recordingLog(lines: Line[], common: object = {}): Log {
  const note = (fields: object, line: string): void => void lines.push({ ...common, ...fields, line });
  const child = (fields: object): Log => recordingLog(lines, { ...common, ...fields });
  return { debug: note, info: note, warn: note, error: note, child };
}

describe("an exchange", () => {
  const folder = useTemporaryFolder();
  let lines: Line[] = [];
  let server: ApiServer | undefined;
  let answer: (exchange: Exchange) => Promise<void> | void = () => {};

  beforeEach(async () => {
    lines = [];
    const router = new Router([{ method: "GET", path: "/it", answer: (exchange) => answer(exchange) }]);
    const metrics = { begin: () => ({ end: () => {} }) };
    server = new ApiServer({ router, log: recordingLog(lines), metrics, version: "1" });
    const listener: Server = server.addListener(undefined);
    listener.listen(join(folder.path, "sock"));
    await once(listener, "listening");
  });

  afterEach(() => server?.close(0));

  function ask(path: string, agent: Agent | false = false): ReturnType<typeof get> {
    return get({ socketPath: join(folder.path, "sock"), path, agent });
  }

  async function answerOf(path: string, agent?: Agent): Promise<IncomingMessage> {
    const [response] = (await once(ask(path, agent), "response")) as [IncomingMessage];
    response.resume();
    await once(response, "end");
    return response;
  }

  it("has lines in the log that say which request they are about", async () => {
    answer = (exchange) => {
      exchange.log.info({ a: 1 }, "first");
      exchange.log.info({}, "second");
      exchange.empty(204);
    };
    await answerOf("/it?secret=1");
    await answerOf("/it");
    assert.deepEqual(
      lines.map(({ line }) => line),
      ["first", "second", "answered", "first", "second", "answered"],
    );
    const [one, two] = [lines.slice(0, 3), lines.slice(3)];
    for (const { method, path } of lines) assert.deepEqual({ method, path }, { method: "GET", path: "/it" });
    for (const each of [one, two]) assert.equal(new Set(each.map(({ request }) => request)).size, 1);
    assert.notEqual(one[0]?.["request"], two[0]?.["request"]);
    assert.equal(one[2]?.["status"], 204);
  });

  it("tells of a client that has gone, whether it is asked before or afterwards", async () => {
    for (const isAskedBefore of [true, false]) {
      const told = Promise.withResolvers<boolean>();
      answer = async (exchange) => {
        const signal = isAskedBefore ? exchange.signal : undefined;
        const gone = once(exchange.response, "close");
        request.destroy();
        await gone;
        told.resolve((signal ?? exchange.signal).aborted);
      };
      const request = ask("/it");
      request.on("error", () => {});
      assert.equal(await told.promise, true);
    }
  });

  it("tells of the endpoint's end", async () => {
    const begun = Promise.withResolvers<void>();
    answer = async ({ signal }) => {
      begun.resolve();
      await once(signal, "abort");
      throw signal.reason;
    };
    const request = ask("/it");
    request.on("error", () => {});
    await begun.promise;
    await server?.close(60_000);
    assert.match(String(lines[0]?.["error"]), /the endpoint is ending/);
  });

  it("leaves its connection to the client's next request, however long that takes", async () => {
    answer = (exchange) => exchange.json(200, {});
    const agent = new Agent({ keepAlive: true });
    const { headers } = await answerOf("/it", agent);
    agent.destroy();
    assert.equal(headers.connection, "keep-alive");
    assert.equal(headers["keep-alive"], undefined);
  });
});
