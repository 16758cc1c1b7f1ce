import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { ImageStore } from "../../../../../src/portlayer/storage/index.ts";
import { type ImageContent, imageIdOf, writeOciImage } from "../../../../support/images/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

const FILLER = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i * 31 + (i >> 3) * 7) & 0xff));
const CONTENT: ImageContent = { layers: [[{ name: "bin/" }, { name: "bin/sh", data: FILLER }]] };
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OBSERVER = { onFound: () => {}, onLayer: () => {} };

/** Five attempts of dockerd take a minute. */
const PATIENCE = { attempts: 2, retryMs: 1, stallMs: 600_000 };

describe("a pull from a registry that is broken", function () {
  this.timeout(60_000);
  let server: Server;
  let host = "";
  let store: ImageStore;
  let manifest: string;
  /** What the registry does with a blob. */
  let give: (response: ServerResponse, bytes: Buffer) => void;
  let alter: (manifest: Buffer) => Buffer;

  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  const folder = useTemporaryFolder();
  beforeEach(async () => {
    give = (response, bytes) => void response.end(bytes);
    alter = (bytes) => bytes;
    manifest = await writeOciImage(join(folder.path, "image"), CONTENT);
    store = new ImageStore({ root: join(folder.path, "store"), patience: PATIENCE });
    server = createServer((request, response) => {
      const [, kind, name = ""] = /^\/v2\/app\/(manifests|blobs)\/(.+)$/.exec(request.url ?? "") ?? [];
      const digest = name === "v1" ? manifest : name;
      readFile(join(folder.path, "image/blobs", digest.replace(":", "/"))).then(
        (bytes) => {
          const isManifest = kind === "manifests";
          response.setHeader("content-type", isManifest ? MANIFEST : "application/octet-stream");
          if (isManifest) response.end(alter(bytes));
          else give(response, bytes);
        },
        () => response.writeHead(request.url === "/v2/" ? 200 : 404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

  const pull = (name = "app:v1", signal?: AbortSignal) =>
    store.pull(`${host}/${name}`, { familiar: `${host}/${name}`, signal }, OBSERVER);

  async function isUntouched(): Promise<void> {
    assert.deepEqual(readdirSync(join(folder.path, "store")), ["tmp"]);
    assert.deepEqual(readdirSync(join(folder.path, "store/tmp")), []);
    // The same registry, well again.
    give = (response, bytes) => void response.end(bytes);
    alter = (bytes) => bytes;
    assert.equal((await pull()).image.digest, imageIdOf(CONTENT));
  }

  const faults: Readonly<Record<string, (response: ServerResponse, bytes: Buffer) => void>> = {
    "gives other bytes than it promised": (response, bytes) =>
      void response.end(Buffer.from(bytes).fill(1, 30, 60)),
    "gives less than it promised": (response, bytes) =>
      void response.end(bytes.subarray(0, bytes.length / 2)),
    "does not have what its manifest names": (response) => void response.writeHead(404).end(),
    "has a fault of its own": (response) => void response.writeHead(500).end(),
  };
  for (const [what, fault] of Object.entries(faults)) {
    it(`fails in one line and leaves nothing when it ${what}`, async () => {
      give = fault;
      await assert.rejects(pull(), { name: "TetherError", message: /^[^\n]+$/ });
      await isUntouched();
    });
  }

  it("is refused when a manifest is not the one of its digest, or none", async () => {
    alter = (bytes) => Buffer.concat([bytes, Buffer.from(" ")]);
    await assert.rejects(pull(`app@${manifest}`), { name: "TetherError" });
    alter = () => Buffer.from('{"schemaVersion":2,"layers":"many"}');
    await assert.rejects(pull(), { name: "TetherError" });
    await isUntouched();
  });

  it("ends at once when nobody wants it any more, however the registry stalls", async () => {
    const stalled = Promise.withResolvers<void>();
    give = (response, bytes) => {
      response.write(bytes.subarray(0, 100), () => stalled.resolve());
    };
    const gone = new AbortController();
    const reason = new Error("the client has gone");
    const pulled = pull("app:v1", gone.signal);
    await stalled.promise;
    gone.abort(reason);
    await assert.rejects(pulled, reason);
    server.closeAllConnections();
    await isUntouched();
  });
});
