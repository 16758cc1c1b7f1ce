import assert from "node:assert/strict";
import { planReload } from "../../../src/protocol/configuration/reload.ts";
import { readDocument } from "../../../src/protocol/configuration/document.ts";
import { writeText } from "../../../src/protocol/configuration/document-text.ts";
import { tether } from "../../../src/protocol/generated/config.js";
import type { Configuration } from "../../../src/tether/configuration/decode.ts";
import { OneChange } from "../../../src/tether/one-change.ts";
import { reloadConfiguration, type ReloadTarget } from "../../../src/tether/reload.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { controlRequests } from "../../support/control-requests.ts";
import { type Document, fullDocument, leastDocument } from "../../support/configuration/valid-document.ts";

const encoded = (document: Document): Uint8Array => tether.config.Config.encode(document).finish();
const present: Document = { ...fullDocument(), generation: 4 };

/** A container VM that notes what is changed of it. */
class NotingTarget implements ReloadTarget {
  document = encoded(present);
  readonly done: string[] = [];
  configuration: Configuration | undefined;
  networkFailure: Error | undefined;

  applyNetwork = async ({ network }: Configuration): Promise<void> => {
    if (this.networkFailure !== undefined) throw this.networkFailure;
    this.done.push(`network ${network.interfaces.map(({ name }) => name).join()}`);
  };
  applyVolumes = async ({ volumes }: Configuration): Promise<void> =>
    void this.done.push(`volumes ${volumes.map(({ name }) => name).join()}`);
  writeNames = (next: Configuration): void => {
    this.done.push(`names ${next.extraHosts.length}, ${next.network.resolver.nameservers.join()}`);
  };
  limitCpus = (nanoCpus: number): void => void this.done.push(`cpus ${nanoCpus}`);
  limitProcesses = (pidsLimit: number): void => void this.done.push(`processes ${pidsLimit}`);
  changeRestartPolicy: ReloadTarget["changeRestartPolicy"] = ({ kind, maximumRetryCount }) =>
    void this.done.push(`restart ${kind} ${maximumRetryCount}`);
  applied = (document: Uint8Array, next: Configuration): void => {
    this.document = Buffer.from(document);
    this.configuration = next;
  };
}

describe("the reload of a container that runs", () => {
  const [first = {}, second = {}] = present.interfaces ?? [];
  const everything: Document = {
    ...present,
    ...{
      generation: 5,
      nanoCpus: 0,
      pidsLimit: 7,
      restart: { kind: tether.config.RestartPolicy.Kind.ALWAYS },
    },
    ...{ extraHosts: [], resolver: { nameservers: ["::1"] }, interfaces: [second] },
  };

  it("changes what is different and nothing else, and notes the document that is applied", async () => {
    const target = new NotingTarget();
    const said = await reloadConfiguration(encoded(everything), target);
    assert.deepEqual(said.sort(), [
      ...["remove interfaces[eth0]", "set extra_hosts", "set nano_cpus"],
      ...["set pids_limit", "set resolver", "set restart"],
    ]);
    assert.deepEqual(target.done, [
      "network eth1",
      "names 0, ::1",
      "cpus 0",
      "processes 7",
      "restart always 0",
    ]);
    assert.equal(target.configuration?.pidsLimit, 7);
    const applied = await readDocument(target.document);
    assert.deepEqual(planReload(applied, await readDocument(encoded(everything))).changes, []);
  });

  it("changes nothing the second time, in whatever form the document comes", async () => {
    const target = new NotingTarget();
    await reloadConfiguration(encoded(everything), target);
    target.done.length = 0;
    assert.deepEqual(await reloadConfiguration(Buffer.from(writeText(everything)), target), []);
    assert.deepEqual(target.done, []);
  });

  it("takes a later generation with nothing new, and refuses the earlier one from then on", async () => {
    const target = new NotingTarget();
    assert.deepEqual(await reloadConfiguration(encoded({ ...present, generation: 9 }), target), []);
    await assert.rejects(
      reloadConfiguration(encoded(everything), target),
      catalogueError("conflict", /^generation is 5; the document that is applied has 9$/),
    );
    assert.deepEqual(target.done, []);
  });

  it("is refused as a whole, by the names of what cannot change", async () => {
    const target = new NotingTarget();
    const session = { ...present.session, args: [Buffer.from("x")] };
    await assert.rejects(
      reloadConfiguration(encoded({ ...everything, hostname: "other", session }), target),
      catalogueError("conflict", /^(?=.*hostname cannot change)(?=.*session\.args cannot)/),
    );
    assert.deepEqual([target.done, target.configuration], [[], undefined]);
  });

  it("is refused when the document is not in order, or none", async () => {
    const target = new NotingTarget();
    const twice = { ...everything, interfaces: [first, first] };
    await assert.rejects(
      reloadConfiguration(encoded(twice), target),
      catalogueError(
        "configuration-invalid",
        /^interfaces\[1\]\.name is the same as interfaces\[0\]\.name; /,
      ),
    );
    await assert.rejects(
      reloadConfiguration(Buffer.from("H4sI"), target),
      catalogueError("configuration-invalid"),
    );
    const template = encoded({ version: 1, template: true });
    await assert.rejects(
      reloadConfiguration(template, target),
      catalogueError("configuration-invalid", /^template is set/),
    );
    assert.deepEqual([target.done, target.configuration], [[], undefined]);
  });

  it("that fails on the way does not count: the same document can be sent again", async () => {
    const target = new NotingTarget();
    target.networkFailure = new Error("no device");
    await assert.rejects(reloadConfiguration(encoded(everything), target), /no device/);
    assert.deepEqual([target.done, target.configuration], [[], undefined]);
    target.networkFailure = undefined;
    assert.equal((await reloadConfiguration(encoded(everything), target)).length, 6);
  });

  it("of a container without vNICs does not touch the network", async () => {
    const target = new NotingTarget();
    target.document = encoded(leastDocument);
    const next = { ...leastDocument, generation: 1, extraHosts: [{ address: "::1", names: ["a"] }] };
    assert.deepEqual(await reloadConfiguration(encoded(next), target), ["set extra_hosts"]);
    assert.deepEqual(target.done, ["names 1, "]);
  });

  it("is asked for on the control channel, and answered with what was changed", async () => {
    const documents: Uint8Array[] = [];
    const control = controlRequests({
      reload: async (document) => {
        documents.push(document);
        return ["set pids_limit"];
      },
    });
    const answer = await control.carryOut({ reload: { document: Buffer.from("x") } });
    assert.deepEqual(answer, { reloaded: { changes: ["set pids_limit"] } });
    assert.deepEqual(documents, [Buffer.from("x")]);
  });

  it("is one at a time", async () => {
    const changes = new OneChange();
    const { promise, resolve } = Promise.withResolvers<void>();
    const earlier = changes.run(() => promise);
    await assert.rejects(
      changes.run(() => Promise.resolve()),
      catalogueError("conflict"),
    );
    resolve();
    await earlier;
    assert.equal(await changes.run(() => Promise.resolve(1)), 1);
  });
});
