import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { checkLogin, type RegistryLogin } from "../../../../../src/portlayer/storage/registry/index.ts";

const LOGIN: RegistryLogin = { kind: "password", username: "me", password: "secret" };
const BASIC = `Basic ${Buffer.from("me:secret").toString("base64")}`;

/** What a registry answers; the host is its own. */
type Answer = (request: IncomingMessage, response: ServerResponse, host: string) => Promise<void> | void;

describe("a login with a registry", () => {
  let server: Server;
  let host = "";
  let answer: Answer;

  beforeEach(async () => {
    server = createServer((request, response) => void answer(request, response, host));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

  const check = (login: RegistryLogin = LOGIN) => checkLogin(host, login, { signal: undefined });

  /** A registry that takes tokens of an issuer, which is at `/token`. */
  const withTokens =
    (issue: (request: IncomingMessage, query: URLSearchParams) => Promise<object | undefined>): Answer =>
    async (request, response, own) => {
      const url = new URL(request.url ?? "", `http://${own}`);
      if (url.pathname === "/token") {
        const token = await issue(request, url.searchParams);
        response.writeHead(token === undefined ? 401 : 200).end(JSON.stringify(token ?? {}));
      } else if (request.headers.authorization === "Bearer issued") response.end("{}");
      else
        response
          .writeHead(401, { "www-authenticate": `Bearer realm="http://${own}/token",service="tests"` })
          .end();
    };

  it("is fine where nobody is asked for one", async () => {
    answer = (_request, response) => void response.end("{}");
    assert.deepEqual(await check(), { identityToken: "" });
  });

  it("goes to the issuer of tokens that the registry names, for a token and one for later", async () => {
    const seen: string[] = [];
    answer = withTokens(async ({ headers, method }, query) => {
      seen.push(`${method} ${query.get("service")} ${query.get("account")}`);
      return headers.authorization === BASIC ? { token: "issued", refresh_token: "later" } : undefined;
    });
    assert.deepEqual(await check(), { identityToken: "later" });
    assert.deepEqual(seen, ["GET tests me"]);
    await assert.rejects(check({ ...LOGIN, password: "wrong" }), {
      code: "registry-denied",
      message: `login attempt to http://${host}/v2/ failed with status: 401 Unauthorized`,
    });
  });

  it("can be the token for later in the password's place", async () => {
    answer = withTokens(async (request) => {
      const form = new URLSearchParams(await text(request));
      const isGood = form.get("grant_type") === "refresh_token" && form.get("refresh_token") === "later";
      return isGood ? { access_token: "issued" } : undefined;
    });
    assert.deepEqual(await check({ kind: "identity-token", username: "", token: "later" }), {
      identityToken: "",
    });
    await assert.rejects(check({ kind: "identity-token", username: "", token: "x" }), {
      code: "registry-denied",
    });
  });

  it("ends in an error of ours whatever the other side says", async () => {
    const answers: readonly Answer[] = [
      (_request, response) => void response.writeHead(500).end(),
      (_request, response) => void response.writeHead(401).end(),
      (_request, response) => void response.writeHead(401, { "www-authenticate": "Negotiate x" }).end(),
      (_request, response) =>
        void response.writeHead(401, { "www-authenticate": 'Bearer realm="nowhere"' }).end(),
      (_request, response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      (request) => void request.socket.destroy(),
      withTokens(async () => ["no object"]),
      withTokens(async () => ({ token: { a: 1 } })),
    ];
    for (const each of answers) {
      answer = each;
      await assert.rejects(check(), { name: "TetherError", code: /^(?:image-unreachable|registry-denied)$/ });
    }
  });
});
