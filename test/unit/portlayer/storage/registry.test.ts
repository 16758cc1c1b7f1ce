import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { ImageStore, parseImageReference } from "../../../../src/portlayer/storage/index.ts";
import { runTool } from "../../../../src/portlayer/storage/tool-runner.ts";
import { imageIdOf, writeOciImage } from "../../../support/images/index.ts";
import { PASSWORD, Registry, USER } from "../../../support/registry.ts";

const CONTENT = { layers: [[{ name: "bin/" }]], config: { Cmd: ["hello"] } };

describe("an image in a registry", function () {
  this.timeout(30_000);
  let folder: string;
  let server: Server;
  let digest: string;
  let requests = 0;
  let host: string;
  const store = () => new ImageStore({ root: join(folder, "store") });

  before(async function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
    folder = await mkdtemp(join(tmpdir(), "registry-"));
    digest = await writeOciImage(join(folder, "image"), CONTENT);
    server = createServer((request, response) => {
      requests += 1;
      const [, kind, name = ""] = /^\/v2\/app\/(manifests|blobs)\/(.+)$/.exec(request.url ?? "") ?? [];
      const wanted = name === "v1" ? digest : name;
      readFile(join(folder, "image/blobs", wanted.replace(":", "/"))).then(
        (bytes) =>
          response
            .setHeader(
              "content-type",
              kind === "blobs" ? "application/octet-stream" : "application/vnd.oci.image.manifest.v1+json",
            )
            .end(bytes),
        () =>
          response
            .writeHead(request.url === "/v2/" ? 200 : 404)
            .end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it("is fetched by name, and not asked for again", async () => {
    const reference = parseImageReference(`docker://${host}/app:v1`);
    const image = await store().acquire(reference);
    assert.deepEqual([image.digest, image.configuration.command], [imageIdOf(CONTENT), ["hello"]]);
    requests = 0;
    assert.deepEqual(await store().acquire(reference), image);
    assert.equal(requests, 0);
  });

  it("is fetched by digest", async () => {
    assert.equal(
      (await store().acquire(parseImageReference(`${host}/app@${digest}`))).digest,
      imageIdOf(CONTENT),
    );
  });

  it("is not found in Docker's words when the registry does not have it", async () => {
    const text = `${host}/app:v2`;
    await assert.rejects(store().acquire(parseImageReference(text)), {
      code: "image-not-found",
      message: new RegExp(`^Unable to find image '${text}'`),
    });
  });

  it("is said to be out of reach when no registry answers", async () => {
    const text = "127.0.0.1:1/app:v1";
    await assert.rejects(store().acquire(parseImageReference(text)), {
      code: "image-unreachable",
      message: /connection refused/,
    });
  });

  it("is fetched with the login that this machine has for its registry", async () => {
    await mkdir(join(folder, "closed"));
    await using closed = await Registry.start(join(folder, "closed"), { isPrivate: true });
    const layout = `oci:${join(folder, "image")}:latest`;
    const words = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
    const login = ["--dest-creds", `${USER}:${PASSWORD}`];
    await promisify(execFile)("skopeo", [...words, ...login, layout, `docker://${closed.host}/app:v1`]);
    const file = join(folder, "auth.json");
    const auth = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
    await writeFile(file, JSON.stringify({ auths: { [closed.host]: { auth } } }));
    const reference = parseImageReference(`docker://${closed.host}/app:v1`);
    const acquire = (authFile: string) =>
      new ImageStore({
        root: join(folder, "own"),
        run: (tool, args, options) =>
          runTool(tool, args, {
            ...options,
            environment: { ...options.environment, REGISTRY_AUTH_FILE: authFile },
          }),
      }).acquire(reference);
    await assert.rejects(acquire(join(folder, "none.json")), { code: "image-not-found" });
    assert.equal((await acquire(file)).digest, imageIdOf(CONTENT));
  });
});
