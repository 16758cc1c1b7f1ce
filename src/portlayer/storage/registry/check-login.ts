import { TetherError } from "../../../protocol/errors/index.ts";
import { isInsecure, type RegistryContext, type RegistryLogin } from "./registry-access.ts";

/** A registry that takes longer has somebody waiting at a prompt. */
const LIMIT_MS = 30_000;

/** docker.io is a name; this is where its registry answers. */
const HUB = "registry-1.docker.io";

/** What a login gave. */
export interface LoginOutcome {
  /** To be used in the password's place from now on; empty when the registry has none to give. */
  readonly identityToken: string;
}

/**
 * Whether a registry takes a login: the distribution API's `/v2/`, with what it asks for (RFC 7617's Basic, or a token
 * from whom it names). A registry that asks for nothing takes everybody.
 *
 * @throws TetherError `registry-denied`, `image-unreachable`, in dockerd's words.
 */
export async function checkLogin(
  registry: string,
  login: RegistryLogin,
  { signal }: Pick<RegistryContext, "signal">,
): Promise<LoginOutcome> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const { url, challenge } = await ping(registry, either);
  if (challenge === undefined) return { identityToken: "" };
  if (/^basic\b/i.test(challenge)) {
    await expectWelcome(url, basic(login), either);
    return { identityToken: "" };
  }
  const { token, identityToken } = await askForToken(url, challenge, login, either);
  await expectWelcome(url, `Bearer ${token}`, either);
  return { identityToken };
}

interface Ping {
  readonly url: string;
  /** What the registry asks for; undefined: nothing. */
  readonly challenge: string | undefined;
}

async function ping(registry: string, signal: AbortSignal): Promise<Ping> {
  const host = registry === "docker.io" ? HUB : registry;
  const urls = [`https://${host}/v2/`, ...(isInsecure(registry) ? [`http://${host}/v2/`] : [])];
  let failure: unknown;
  for (const url of urls) {
    try {
      const answer = await request(url, {}, signal);
      await answer.body?.cancel();
      if (answer.status === 200) return { url, challenge: undefined };
      const challenge = answer.headers.get("www-authenticate");
      if (answer.status === 401 && challenge !== null) return { url, challenge };
      throw refusal(url, answer.status);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function expectWelcome(url: string, authorization: string, signal: AbortSignal): Promise<void> {
  const { status, body } = await request(url, { headers: { authorization } }, signal);
  await body?.cancel();
  if (status !== 200) throw refusal(url, status);
}

/** https://distribution.github.io/distribution/spec/auth/token/ and its form for OAuth 2. */
async function askForToken(
  url: string,
  challenge: string,
  login: RegistryLogin,
  signal: AbortSignal,
): Promise<{ token: string; identityToken: string }> {
  const words = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
  );
  const { realm = "", service = "" } = words;
  if (!/^bearer\b/i.test(challenge) || !URL.canParse(realm))
    throw new TetherError(
      "image-unreachable",
      `${url}: the registry asks for what is not known: ${challenge}`,
    );
  // A secret is not given to whoever listens when the registry itself is reached in private.
  if (url.startsWith("https:") && !realm.startsWith("https:"))
    throw new TetherError("image-unreachable", `${url}: the registry asks for the login over plain HTTP`);
  const answer =
    login.kind === "password"
      ? await request(
          passwordUrl(realm, service, login.username),
          { headers: { authorization: basic(login) } },
          signal,
        )
      : await request(realm, { method: "POST", body: refreshForm(service, login.token) }, signal);
  if (answer.status !== 200) throw refusal(url, answer.status);
  const said: unknown = await answer.json().catch(() => undefined);
  const text = (name: string): string => {
    const value = typeof said === "object" && said !== null ? Object.entries(said) : [];
    return String(value.find(([each]) => each === name)?.[1] ?? "");
  };
  return { token: text("token") || text("access_token"), identityToken: text("refresh_token") };
}

function passwordUrl(realm: string, service: string, account: string): string {
  const url = new URL(realm);
  for (const [name, value] of Object.entries({ service, account, client_id: "vch", offline_token: "true" }))
    url.searchParams.set(name, value);
  return url.href;
}

function refreshForm(service: string, token: string): URLSearchParams {
  return new URLSearchParams({
    grant_type: "refresh_token",
    service,
    client_id: "vch",
    refresh_token: token,
  });
}

function basic(login: RegistryLogin): string {
  const password = login.kind === "password" ? login.password : "";
  return `Basic ${Buffer.from(`${login.username}:${password}`).toString("base64")}`;
}

async function request(url: string, options: RequestInit, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { ...options, signal, redirect: "error" });
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw TetherError.from(cause, "image-unreachable", `Get ${JSON.stringify(url)}`);
  }
}

function refusal(url: string, status: number): TetherError {
  return status === 401 || status === 403
    ? new TetherError("registry-denied", `login attempt to ${url} failed with status: ${status} Unauthorized`)
    : new TetherError("image-unreachable", `login attempt to ${url} failed with status: ${status}`);
}
