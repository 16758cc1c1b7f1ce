import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import type { Image, ImageStore } from "../../../src/portlayer/execution/index.ts";
import { DescribedAnswers } from "../../support/docker-api/answers.ts";
import { IMAGE } from "../../support/endpoint/fake-containers.ts";
import { useServed } from "../../support/endpoint/served.ts";

const described = new DescribedAnswers();

type NewImage = Parameters<ImageStore["create"]>[0];

describe("an image that is made of a container", () => {
  const served = useServed();
  const made: (NewImage & { readonly content: string })[] = [];
  const names: string[] = [];

  beforeEach(() => {
    made.length = 0;
    names.length = 0;
    served.containers.add("box", "running", { found: IMAGE });
    served.containers.images = {
      findNamed: async () => undefined,
      list: async () => [{ image: { ...IMAGE, digest: `sha256:${"1".repeat(64)}` }, names: [] }],
      create: async (image: NewImage) => {
        made.push({ ...image, content: readFileSync(image.layer, "utf8") });
        return { ...IMAGE, digest: "sha256:made" } as Image;
      },
      name: async (name: string) => void names.push(name),
    } as unknown as ImageStore;
  });

  it("has its layer over its image, and its configuration with the changes that are asked for", async () => {
    const changes = ["CMD", "LABEL"].map((word) =>
      encodeURIComponent(`${word} ${word === "CMD" ? '["ls"]' : "c=d"}`),
    );
    const query = `container=box&repo=mine&tag=1&author=me&comment=why&changes=${changes.join("&changes=")}`;
    const { status, json } = await served.ask("POST", `/commit?${query}`, { Env: ["A=c"] });
    assert.deepEqual([status, json], [201, { Id: "sha256:made" }]);
    assert.deepEqual(described.differences("POST", "/commit", 201, json), []);
    const [image] = made;
    assert.deepEqual(
      [image?.content, image?.parent?.digest, image?.author, image?.comment],
      ["a layer", `sha256:${"1".repeat(64)}`, "me", "why"],
    );
    assert.deepEqual(image?.config, { Env: ["A=c"], Cmd: ["ls"], Labels: { c: "d" } });
    assert.deepEqual(names, ["docker.io/library/mine:1"]);
    assert.deepEqual(served.containers.calls, ["layer of box, paused", "told commit of box"]);
    assert.equal(existsSync(image?.layer ?? ""), false, "the layer's file was left");
  });

  it("is made of a container that goes on when that is asked for, and needs no name", async () => {
    assert.equal((await served.ask("POST", "/commit?container=box&pause=0")).status, 201);
    assert.deepEqual(names, []);
    assert.deepEqual(made[0]?.config, { Cmd: ["sh"], Env: ["A=b"] });
    assert.equal(served.containers.calls[0], "layer of box");
  });

  it("is refused for a container that is not there, and for a change that is none", async () => {
    assert.equal((await served.ask("POST", "/commit?container=none")).status, 404);
    const refused = await served.ask("POST", "/commit?container=box&changes=COLOUR+red");
    assert.deepEqual(
      [refused.status, refused.json],
      [400, { message: "colour is not a valid change command" }],
    );
    assert.deepEqual(made, []);
  });
});
