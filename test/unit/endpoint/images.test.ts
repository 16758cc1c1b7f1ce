import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { diskSizeOf, type Image, ImageStore } from "../../../src/portlayer/storage/index.ts";
import { DescribedAnswers } from "../../support/docker-api/answers.ts";
import { Served } from "../../support/endpoint/served.ts";
import { type ImageContent, imageIdOf, makeTar, writeDockerArchive } from "../../support/images/index.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const SHELL = [{ name: "bin/" }, { name: "bin/sh", mode: 0o755, data: "shell" }];
const ONE: ImageContent = {
  layers: [SHELL, [{ name: "one", data: "1" }]],
  created: "2024-01-01T00:00:00Z",
  config: { Cmd: ["one"], Labels: { number: "1" } },
};
const TWO: ImageContent = {
  layers: [SHELL, [{ name: "two", data: "22" }]],
  created: "2025-01-01T00:00:00Z",
  config: { Cmd: ["two"], Labels: { number: "2" } },
};

const described = new DescribedAnswers();

describe("the endpoint's images", function () {
  this.timeout(30_000);
  const served = new Served();
  let store: ImageStore;
  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  afterEach(() => served.close());
  const folder = useTemporaryFolder();
  beforeEach(async () => {
    store = new ImageStore({ root: join(folder.path, "images") });
    await served.open(folder.path, store);
  });

  async function archive(content: ImageContent): Promise<Buffer> {
    await writeDockerArchive(join(folder.path, "archive.tar"), content);
    return readFileSync(join(folder.path, "archive.tar"));
  }
  const load = async (content: ImageContent) =>
    served.ask("POST", "/images/load", gzipSync(await archive(content)));
  const tag = (name: string, repository: string, as: string) =>
    served.ask("POST", `/images/${name}/tag?repo=${repository}&tag=${as}`);
  async function list(filters: object = {}): Promise<{ Id: string; RepoTags: string[] }[]> {
    const query = encodeURIComponent(JSON.stringify(filters));
    const { status, json, text } = await served.ask("GET", `/v1.41/images/json?filters=${query}`);
    assert.equal(status, 200, text);
    assert.deepEqual(described.differences("GET", "/images/json", 200, json), []);
    return json as { Id: string; RepoTags: string[] }[];
  }
  const tagsOf = async (filters?: object) => (await list(filters)).flatMap(({ RepoTags }) => RepoTags);
  async function message(method: string, path: string): Promise<[number, string]> {
    const { status, json } = await served.ask(method, path);
    return [status, (json as { message: string }).message];
  }
  async function found(name: string): Promise<Image> {
    const image = await store.findNamed(`docker.io/${name}`);
    assert(image !== undefined, name);
    return image;
  }

  it("are loaded under their names, with the ids that Docker gives them", async () => {
    const { json } = await load(ONE);
    assert.deepEqual(json, { stream: "Loaded image: tests/image:latest\n" });
    assert.deepEqual((await list())[0]?.Id, imageIdOf(ONE));
    const again = await load(TWO);
    assert.deepEqual(again.json, [
      {
        stream: `The image tests/image:latest already exists, renaming the old one with ID ${imageIdOf(ONE)} to empty string\n`,
      },
      { stream: "Loaded image: tests/image:latest\n" },
    ]);
    assert.deepEqual(await tagsOf(), ["tests/image:latest", "<none>:<none>"]);
    assert.deepEqual(await tagsOf({ dangling: { true: true } }), ["<none>:<none>"]);
    const { json: newer } = await served.ask("GET", "/v1.43/images/json");
    assert.deepEqual((newer as { RepoTags: string[] }[])[1]?.RepoTags, []);
  });

  it("are described: sizes, layers, history, platform", async () => {
    await load(ONE);
    const { json } = await served.ask("GET", "/images/tests/image/json");
    assert.deepEqual(described.differences("GET", "/images/{name}/json", 200, json), []);
    const { Size, RootFS, Created } = json as {
      Size: number;
      RootFS: { Layers: string[] };
      Created: string;
    };
    assert.deepEqual([Size, RootFS.Layers.length, Created], [6, 2, "2024-01-01T00:00:00Z"]);
    const body = makeTar(SHELL);
    await served.ask("POST", "/images/create?fromSrc=-&repo=imported&tag=1&message=why", body);
    const history = await served.ask("GET", "/images/imported:1/history");
    assert.deepEqual(described.differences("GET", "/images/{name}/history", 200, history.json), []);
    const [step] = history.json as { Comment: string; Size: number; Tags: string[] }[];
    assert.deepEqual([step?.Comment, step?.Size, step?.Tags], ["why", 5, ["imported:1"]]);
  });

  it("get further names, and lose them one by one", async () => {
    await load(ONE);
    assert.equal((await tag("tests/image", "other", "v1")).status, 201);
    assert.deepEqual(await tagsOf(), ["other:v1", "tests/image:latest"]);
    assert.deepEqual(await message("POST", "/images/none/tag?repo=x"), [404, "No such image: none:latest"]);
    assert.equal((await tag("other:v1", "Upper", "v1")).status, 400);
    const untagged = await served.ask("DELETE", "/images/other:v1");
    assert.deepEqual(described.differences("DELETE", "/images/{name}", 200, untagged.json), []);
    assert.deepEqual(untagged.json, [{ Untagged: "other:v1" }]);
    const removed = await served.ask("DELETE", "/images/tests/image");
    const lines = removed.json as { Untagged?: string; Deleted?: string }[];
    assert.deepEqual(lines.slice(0, 2), [{ Untagged: "tests/image:latest" }, { Deleted: imageIdOf(ONE) }]);
    // One more for each layer.
    assert.equal(lines.length, 4);
    assert.deepEqual(await list(), []);
    assert.deepEqual(await message("DELETE", "/images/tests/image"), [
      404,
      "No such image: tests/image:latest",
    ]);
  });

  it("with several repositories are removed by id only by force", async () => {
    await load(ONE);
    await tag("tests/image", "other", "v1");
    const id = imageIdOf(ONE).slice(7, 19);
    assert.deepEqual(await message("DELETE", `/images/${id}`), [
      409,
      `conflict: unable to delete ${id} (must be forced) - image is referenced in multiple repositories`,
    ]);
    assert.equal((await served.ask("DELETE", `/images/${id}?force=1`)).status, 200);
    assert.deepEqual(await list(), []);
  });

  it("are kept for containers, as far as these need them", async () => {
    await load(ONE);
    const image = await found("tests/image:latest");
    const container = served.containers.add("box", "exited", { found: image });
    const [short, id] = [container.slice(0, 12), image.digest.slice(7, 19)];
    assert.deepEqual(await message("DELETE", "/images/tests/image"), [
      409,
      `conflict: unable to remove repository reference "tests/image" (must force) - container ${short} is using its referenced image ${id}`,
    ]);
    assert.deepEqual(await message("DELETE", `/images/${id}`), [
      409,
      `conflict: unable to delete ${id} (must be forced) - image is being used by stopped container ${short}`,
    ]);
    assert.equal((await served.ask("DELETE", `/images/${id}?force=1`)).status, 200);
    assert.deepEqual(await list(), []);
    // The container's own disk stands on it.
    assert.equal(diskSizeOf(image.disk), image.diskSizeBytes);
    await load(ONE);
    assert.deepEqual(await store.list(), [{ image, names: ["docker.io/tests/image:latest"] }]);
    served.containers.add("running", "running", { found: image });
    assert.match(
      (await message("DELETE", `/images/${id}?force=1`))[1],
      /cannot be forced\) - image is being used by running/,
    );
  });

  it("give their room back once the last container has gone", async () => {
    await load(ONE);
    const image = await found("tests/image:latest");
    served.containers.add("box", "exited", { found: image });
    await served.ask("DELETE", "/images/tests/image?force=1");
    await served.ask("DELETE", "/containers/box");
    await load(TWO);
    await served.ask("DELETE", "/images/tests/image");
    assert.throws(() => statSync(image.disk), { code: "ENOENT" });
  });

  it("are listed by reference, label and age", async () => {
    await load(ONE);
    await tag("tests/image", "registry.example:5000/one", "v1");
    await load(TWO);
    assert.deepEqual(await tagsOf({ reference: ["tests/*"] }), ["tests/image:latest"]);
    assert.deepEqual(await tagsOf({ reference: ["*/one:v?"] }), ["registry.example:5000/one:v1"]);
    assert.deepEqual(await tagsOf({ reference: ["image"] }), []);
    assert.deepEqual(await tagsOf({ label: { "number=2": true } }), ["tests/image:latest"]);
    assert.deepEqual(await tagsOf({ before: ["tests/image"] }), ["registry.example:5000/one:v1"]);
    assert.deepEqual(await tagsOf({ since: ["registry.example:5000/one:v1"] }), ["tests/image:latest"]);
    const query = encodeURIComponent('{"colour":["red"]}');
    assert.deepEqual(await message("GET", `/images/json?filters=${query}`), [400, "Invalid filter 'colour'"]);
  });

  it("are pruned: those without names, or all that no container has", async () => {
    await load(ONE);
    await load(TWO);
    const prune = async (
      filters: object,
    ): Promise<{ ImagesDeleted: object[] | null; SpaceReclaimed: number }> => {
      const query = encodeURIComponent(JSON.stringify(filters));
      const { status, json, text } = await served.ask("POST", `/images/prune?filters=${query}`);
      assert.equal(status, 200, text);
      assert.deepEqual(described.differences("POST", "/images/prune", 200, json), []);
      return json as { ImagesDeleted: object[] | null; SpaceReclaimed: number };
    };
    assert.equal((await prune({ until: ["2023-06-01"] })).ImagesDeleted, null);
    assert.equal((await prune({ label: ["number=2"] })).ImagesDeleted, null);
    const { ImagesDeleted: removed, SpaceReclaimed: bytes } = await prune({});
    // The other image has the layer below.
    assert.deepEqual([removed?.[0], removed?.length, bytes], [{ Deleted: imageIdOf(ONE) }, 2, 1]);
    served.containers.add("box", "exited", { found: await found("tests/image:latest") });
    assert.equal((await prune({ dangling: ["false"] })).ImagesDeleted, null);
    await served.ask("DELETE", "/containers/box");
    assert.equal((await prune({ dangling: ["false"], until: ["1h"] })).SpaceReclaimed, 7);
    assert.deepEqual(await list(), []);
  });

  it("are saved, one or several, so that the same images come of it again", async () => {
    await load(ONE);
    await tag("tests/image", "other", "v1");
    await load(TWO);
    const { bytes, status, headers } = await served.ask(
      "GET",
      "/images/get?names=tests/image&names=other:v1",
    );
    assert.deepEqual([status, headers["content-type"]], [200, "application/x-tar"]);
    const again = await served.ask("GET", "/images/get?names=tests/image&names=other:v1");
    assert(again.bytes.equals(bytes));
    // Debian's program is the judge.
    writeFileSync(join(folder.path, "saved.tar"), bytes);
    const configuration = execFileSync("skopeo", [
      ...["inspect", "--config", "--raw"],
      `docker-archive:${join(folder.path, "saved.tar")}:other:v1`,
    ]);
    assert.deepEqual((JSON.parse(configuration.toString()) as { config: unknown }).config, ONE.config);
    await served.ask("POST", `/images/prune?filters=${encodeURIComponent('{"dangling":["false"]}')}`);
    assert.deepEqual(await list(), []);
    const loaded = await served.ask("POST", "/images/load", bytes);
    assert.deepEqual(loaded.json, [
      { stream: "Loaded image: tests/image:latest\n" },
      { stream: "Loaded image: other:v1\n" },
    ]);
    assert.deepEqual(
      (await list()).map(({ Id }) => Id),
      [imageIdOf(TWO), imageIdOf(ONE)],
    );
    assert.deepEqual(await message("GET", "/images/get?names=nothing"), [404, "No such image: nothing"]);
  });

  it("are saved by their ids without a name, and loaded so", async () => {
    await load(ONE);
    const id = imageIdOf(ONE);
    const { bytes } = await served.ask("GET", `/images/${id}/get`);
    await served.ask("DELETE", `/images/${id}`);
    const { json } = await served.ask("POST", "/images/load", bytes);
    assert.deepEqual(json, { stream: `Loaded image ID: ${id}\n` });
    assert.deepEqual(await tagsOf(), ["<none>:<none>"]);
  });

  it("are imported from a root file system, with changes", async () => {
    const changes = [
      'CMD ["/bin/sh"]',
      'ENV A=1 B="two words"',
      "EXPOSE 80 53/udp",
      "LABEL a=b",
      "WORKDIR /w",
      "ONBUILD RUN ls",
    ];
    const query = changes.map((change) => `changes=${encodeURIComponent(change)}`).join("&");
    const body = gzipSync(makeTar(SHELL));
    const { status, json } = await served.ask("POST", `/images/create?fromSrc=-&repo=root&${query}`, body);
    assert.equal(status, 200);
    const { json: inspected } = await served.ask("GET", "/images/root:latest/json");
    const { Id, Config } = inspected as { Id: string; Config: Record<string, unknown> };
    assert.deepEqual(json, { status: Id });
    assert.deepEqual(
      [Config["Cmd"], Config["Env"], Config["ExposedPorts"], Config["Labels"], Config["WorkingDir"]],
      [["/bin/sh"], ["A=1", "B=two words"], { "80/tcp": {}, "53/udp": {} }, { a: "b" }, "/w"],
    );
    assert.deepEqual(Config["OnBuild"], ["RUN ls"]);
    const wrong = await served.ask("POST", "/images/create?fromSrc=-&changes=RUN%20true", body);
    assert.deepEqual([wrong.status, wrong.json], [400, { message: "run is not a valid change command" }]);
  });
});
