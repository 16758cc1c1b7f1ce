import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { ImageStore, parseImageReference } from "../../../../../src/portlayer/storage/index.ts";
import { pushImage } from "../../../../../src/portlayer/storage/registry/index.ts";
import { runTool } from "../../../../../src/portlayer/storage/tool-runner.ts";
import { type ImageContent, writeOciImage } from "../../../../support/images/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

const CONTENT: ImageContent = { layers: [[{ name: "bin/" }, { name: "bin/sh", data: Buffer.alloc(100) }]] };
const STALL_MS = 1_000;

describe("a push to a registry that takes nothing any more", function () {
  this.timeout(60_000);
  let server: Server;
  let host = "";
  /** What it does not answer. */
  let silentTo = "";

  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  const folder = useTemporaryFolder();
  beforeEach(async () => {
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));

  /** As far as an upload needs it (OCI's distribution specification). */
  function answer({ method = "", url }: IncomingMessage, response: ServerResponse): void {
    if (method === silentTo) return;
    if (url === "/v2/") response.end();
    else if (method === "POST") response.writeHead(202, { location: "/v2/app/blobs/uploads/1" }).end();
    else response.writeHead(404).end();
  }

  for (const method of ["POST", "PATCH"])
    it(`is given up, in one line, and leaves nothing (${method})`, async () => {
      silentTo = method;
      const layout = join(folder.path, "image");
      await writeOciImage(layout, CONTENT);
      const root = join(folder.path, "store");
      const image = await new ImageStore({ root }).acquire(parseImageReference(`oci:${layout}:latest`));
      const name = `${host}/app:v1`;
      const context = { root, run: runTool, signal: undefined, login: undefined };
      await assert.rejects(pushImage(image, name, name, context, STALL_MS), {
        code: "image-unreachable",
        message: `${name}: upload stalled: nothing has gone out or come for 1 s`,
      });
      assert.deepEqual(readdirSync(join(root, "tmp")), []);
    });
});
