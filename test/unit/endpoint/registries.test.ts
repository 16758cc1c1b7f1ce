import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageStore, runTool, type ToolRunner } from "../../../src/portlayer/storage/index.ts";
import { keepDownload } from "../../../src/portlayer/storage/registry/downloads.ts";
import { DescribedAnswers } from "../../support/docker-api/answers.ts";
import { Served } from "../../support/endpoint/served.ts";
import {
  type ImageContent,
  imageIdOf,
  nestInIndex,
  writeDockerArchive,
  writeOciImage,
} from "../../support/images/index.ts";
import { PASSWORD, Registry, USER } from "../../support/registry.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const CONTENT: ImageContent = {
  layers: [[{ name: "bin/" }, { name: "bin/sh", mode: 0o755, data: "shell" }]],
  config: { Cmd: ["sh"], Healthcheck: { Test: ["CMD", "check"] } },
};
const described = new DescribedAnswers();

const header = (login: object): { "X-Registry-Auth": string } => ({
  "X-Registry-Auth": Buffer.from(JSON.stringify(login)).toString("base64url"),
});
const GOOD = header({ username: USER, password: PASSWORD });
const WRONG = header({ username: USER, password: "wrong" });

describe("the endpoint and registries", function () {
  this.timeout(60_000);
  const served = new Served();
  const calls: string[] = [];
  let [open, closed]: [Registry | undefined, Registry | undefined] = [undefined, undefined];
  let data = "";
  let [host, secret] = ["", ""];

  before(async function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
    data = mkdtempSync(join(tmpdir(), "registries-"));
    for (const name of ["open", "closed"]) mkdirSync(join(data, name));
    open = await Registry.start(join(data, "open"));
    closed = await Registry.start(join(data, "closed"), { isPrivate: true });
    [host, secret] = [open.host, closed.host];
    const layout = join(data, "image");
    await writeOciImage(layout, CONTENT);
    const copy = (...words: string[]): Buffer =>
      execFileSync("skopeo", ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", ...words]);
    copy(`oci:${layout}:latest`, `docker://${host}/app:v1`);
    copy(`oci:${layout}:latest`, `docker://${host}/app:v2`);
    const [arm, amd] = [
      await writeOciImage(layout, { ...CONTENT, architecture: "arm64" }),
      await writeOciImage(layout, CONTENT),
    ];
    await nestInIndex(layout, [
      { digest: arm, architecture: "arm64" },
      { digest: amd, architecture: "amd64" },
    ]);
    copy("--all", `oci:${layout}:latest`, `docker://${host}/multi:latest`);
    await nestInIndex(layout, [{ digest: arm, architecture: "arm64" }]);
    copy("--all", `oci:${layout}:latest`, `docker://${host}/arm:latest`);
  });
  after(async () => {
    await open?.[Symbol.asyncDispose]();
    await closed?.[Symbol.asyncDispose]();
    if (data !== "") rmSync(data, { recursive: true });
  });
  afterEach(() => served.close());
  const folder = useTemporaryFolder();
  let store: ImageStore;
  beforeEach(async () => {
    calls.length = 0;
    const run: ToolRunner = (tool, args, options) => {
      calls.push(`${tool} ${args.join(" ")}`);
      return runTool(tool, args, options);
    };
    store = new ImageStore({ root: join(folder.path, "images"), run });
    await served.open(folder.path, store);
  });

  type Line = { status?: string; id?: string; error?: string; aux?: { Digest: string; Size: number } };
  const pull = (query: string, headers = {}) =>
    served.ask("POST", `/images/create?${query}`, undefined, headers);
  const lines = ({ json }: { json: unknown }): Line[] => (Array.isArray(json) ? json : [json]) as Line[];
  const told = (answer: { json: unknown }): string[] =>
    lines(answer).map(({ id, status, error }) =>
      id === undefined ? (status ?? error ?? "") : `${id}: ${status}`,
    );
  async function namesOf(name: string): Promise<{ RepoTags: string[]; RepoDigests: string[]; Id: string }> {
    const { json } = await served.ask("GET", `/images/${name}/json`);
    return json as { RepoTags: string[]; RepoDigests: string[]; Id: string };
  }

  it("pull a tag with progress, and find it up to date the next time", async () => {
    const first = told(await pull(`fromImage=${host}/app&tag=v1`));
    const layer = first.find((line) => line.endsWith("Pulling fs layer"))?.slice(0, 12) ?? "";
    assert.equal(first[0], "v1: Pulling from app");
    for (const step of ["Pulling fs layer", "Download complete", "Pull complete"])
      assert.equal(first.filter((line) => line === `${layer}: ${step}`).length, 1, first.join("\n"));
    assert.match(first.at(-2) ?? "", /^Digest: sha256:[0-9a-f]{64}$/);
    assert.equal(first.at(-1), `Status: Downloaded newer image for ${host}/app:v1`);
    const digest = first.at(-2)?.slice("Digest: ".length);
    assert.deepEqual(
      await namesOf(`${host}/app:v1`).then(({ Id, RepoTags, RepoDigests }) => [Id, RepoTags, RepoDigests]),
      [imageIdOf(CONTENT), [`${host}/app:v1`], [`${host}/app@${digest}`]],
    );
    const again = told(await pull(`fromImage=${host}/app:v1`));
    assert.deepEqual(again, [
      "v1: Pulling from app",
      `Digest: ${digest}`,
      `Status: Image is up to date for ${host}/app:v1`,
    ]);
    const pinned = told(await pull(`fromImage=${host}/app&tag=${digest}`));
    assert.equal(pinned.at(-1), `Status: Image is up to date for ${host}/app@${digest}`);
  });

  it("pull all tags of a repository, and the one image of an index that container VMs run", async () => {
    const all = told(await pull(`fromImage=${host}/app`));
    assert.equal(all.at(-1), `Status: Downloaded newer image for ${host}/app`);
    assert.deepEqual((await namesOf(`${host}/app:v1`)).RepoTags, [`${host}/app:v1`, `${host}/app:v2`]);
    await pull(`fromImage=${host}/multi:latest&platform=linux/amd64`);
    assert.equal((await namesOf(`${host}/multi`)).Id, imageIdOf(CONTENT));
    const { json: remote } = await served.ask("GET", `/distribution/${host}/multi/json`);
    assert.deepEqual(described.differences("GET", "/distribution/{name}/json", 200, remote), []);
    const { Descriptor, Platforms } = remote as {
      Descriptor: { digest: string };
      Platforms: { architecture: string }[];
    };
    assert.deepEqual(
      Platforms.map(({ architecture }) => architecture),
      ["arm64", "amd64"],
    );
    assert((await namesOf(`${host}/multi`)).RepoDigests.includes(`${host}/multi@${Descriptor.digest}`));
  });

  it("say in dockerd's words what cannot be pulled, and leave nothing", async () => {
    const refusals: readonly (readonly [string, number, RegExp])[] = [
      [
        `fromImage=${host}/app:v9`,
        404,
        /^manifest for \S+\/app:v9 not found: manifest unknown: manifest unknown$/,
      ],
      [`fromImage=${host}/nothing:v1`, 404, /^manifest for \S+\/nothing:v1 not found: /],
      [
        `fromImage=${host}/arm:latest`,
        400,
        /^no matching manifest for linux\/amd64 in the manifest list entries$/,
      ],
      [
        "fromImage=127.0.0.1:1/app:v1",
        500,
        /^Get "https?:\/\/127\.0\.0\.1:1\/v2\/": dial tcp .*connection refused$/,
      ],
      [
        `fromImage=${secret}/app:v1`,
        404,
        /^pull access denied for \S+\/app, repository does not exist or may require 'docker login'/,
      ],
      [`fromImage=${host}/App:v1`, 400, /^invalid reference format/],
      [`fromImage=${host}/app:v1&platform=linux/arm64`, 400, /linux\/arm64/],
    ];
    for (const [query, status, text] of refusals) {
      const answer = await pull(query);
      assert.equal(answer.status, status, answer.text);
      assert.match((answer.json as { message: string }).message, text);
    }
    assert.deepEqual(await store.list(), []);
    assert.deepEqual(readdirSync(join(folder.path, "images/tmp")), []);
    assert.equal((await served.ask("GET", "/images/search?term=x")).status, 501);
  });

  it("have a pruning let go of what pulls had fetched that were cut off", async () => {
    writeFileSync(join(folder.path, "layer"), Buffer.alloc(1000));
    keepDownload(join(folder.path, "images"), `sha256:${"0".repeat(64)}`, join(folder.path, "layer"));
    const prune = async (filters: object): Promise<number> => {
      const query = encodeURIComponent(JSON.stringify(filters));
      const { json } = await served.ask("POST", `/images/prune?filters=${query}`);
      return (json as { SpaceReclaimed: number }).SpaceReclaimed;
    };
    assert.equal(await prune({ until: ["1h"] }), 0);
    assert.equal(await prune({ label: ["a"] }), 0);
    assert.equal(await prune({}), 1000);
    assert.deepEqual(readdirSync(join(folder.path, "images/downloads")), []);
  });

  it("push one tag or all, and give the login to nobody else", async () => {
    await writeDockerArchive(join(folder.path, "a.tar"), CONTENT);
    await served.ask("POST", "/images/load", readFileSync(join(folder.path, "a.tar")));
    for (const tag of ["1", "2"])
      await served.ask("POST", `/images/tests/image/tag?repo=${secret}/pushed&tag=${tag}`);
    const push = (query: string, headers = {}) =>
      served.ask("POST", `/images/${secret}/pushed/push${query}`, undefined, headers);
    for (const headers of [{}, WRONG]) {
      const denied = lines(await push("?tag=1", headers));
      assert.equal(denied.at(-1)?.error, "unauthorized: authentication required");
    }
    const pushed = await push("?tag=1", GOOD);
    const said = lines(pushed);
    assert.equal(said[0]?.status, `The push refers to repository [${secret}/pushed]`);
    const { Digest = "", Size = 0 } = said.at(-1)?.aux ?? {};
    assert.equal(said.at(-2)?.status, `1: digest: ${Digest} size: ${Size}`);
    assert.deepEqual((await namesOf(`${secret}/pushed:1`)).RepoDigests, [`${secret}/pushed@${Digest}`]);
    const all = told(await push("", GOOD));
    assert.equal(all.filter((line) => /^[12]: digest: /.test(line)).length, 2);

    await served.ask("DELETE", `/images/${imageIdOf(CONTENT)}?force=1`);
    for (const headers of [{}, WRONG])
      assert.equal((await pull(`fromImage=${secret}/pushed:1`, headers)).status, 404);
    await pull(`fromImage=${secret}/pushed@${Digest}`, GOOD);
    // By way of the registry nothing of it is lost.
    assert.equal((await namesOf(`${secret}/pushed@${Digest}`)).Id, imageIdOf(CONTENT));
    const words = calls.join("\n");
    assert(!words.includes(PASSWORD) && !words.includes(GOOD["X-Registry-Auth"]), words);
    assert.deepEqual(readdirSync(join(folder.path, "images/tmp")), []);

    const missing = told(await served.ask("POST", "/images/nothing/push?tag=1"));
    assert.equal(missing.at(-1), "An image does not exist locally with the tag: nothing");
  });

  it("check a login", async () => {
    const logIn = (password: string, serveraddress = secret) =>
      served.ask("POST", "/auth", { username: USER, password, serveraddress });
    const good = await logIn(PASSWORD);
    assert.deepEqual([good.status, good.json], [200, { IdentityToken: "", Status: "Login Succeeded" }]);
    assert.deepEqual(described.differences("POST", "/auth", 200, good.json), []);
    const wrong = await logIn("wrong");
    assert.equal(wrong.status, 401);
    assert.match(wrong.text, /login attempt to http:\/\/\S+\/v2\/ failed with status: 401 Unauthorized/);
    assert.equal((await logIn(PASSWORD, "127.0.0.1:1")).status, 500);
    assert.equal((await logIn(PASSWORD, "a b")).status, 400);
  });
});
