import assert from "node:assert/strict";
import fc from "fast-check";
import { applyChanges, describeChange, planReload } from "../../../../src/protocol/configuration/reload.ts";
import { tether } from "../../../../src/protocol/generated/config.js";
import { anyValidDocument } from "../../../support/configuration/any-valid-document.ts";
import { type Document, fullDocument } from "../../../support/configuration/valid-document.ts";

const { Config } = tether.config;
const bytesOf = (document: Document): Buffer => Buffer.from(Config.encode(document).finish());
const asRead = (document: Document): tether.config.Config => Config.decode(bytesOf(document));
const present: Document = { ...fullDocument(), generation: 4 };
const plan = (changes: Document, before: Document = present) =>
  planReload(asRead(before), asRead({ ...before, generation: 5, ...changes }));
const said = (changes: Document): string[] => {
  const { changes: found, refusals } = plan(changes);
  assert.deepEqual(refusals, []);
  return found.map(describeChange).filter((text) => text !== undefined);
};
const [first = {}, second = {}] = present.interfaces ?? [];

/** What may change. */
const anyChange = anyValidDocument.map(
  ({
    interfaces,
    volumes,
    extraHosts,
    nanoCpus,
    pidsLimit,
    restart,
    resolver,
    hostTimeMs,
    randomSeed,
  }): Document => ({
    ...{ interfaces: interfaces ?? [], volumes: volumes ?? [], extraHosts: extraHosts ?? [] },
    ...{
      nanoCpus: nanoCpus ?? 0,
      pidsLimit: pidsLimit ?? 0,
      restart: restart ?? null,
      resolver: resolver ?? null,
    },
    ...{ hostTimeMs: hostTimeMs ?? 0, randomSeed: randomSeed ?? null },
  }),
);

describe("a reload", function () {
  // Ten thousand documents, on a machine that may be busy.
  this.timeout(60_000);

  it("of the same document plans nothing, whatever it says", () => {
    fc.assert(
      fc.property(anyValidDocument, (document) => {
        assert.deepEqual(planReload(asRead(document), asRead(document)), { changes: [], refusals: [] });
      }),
    );
  });

  it("plans what brings the present document to the next, each change by itself", () => {
    const shuffled = fc.tuple(anyValidDocument, anyChange, fc.infiniteStream(fc.nat()));
    fc.assert(
      fc.property(shuffled, ([before, changed, random]) => {
        const mix = <T>(list: readonly T[] | null | undefined): T[] =>
          [...(list ?? [])].sort(() => (random.next().value % 3) - 1);
        const interfaces = mix([...(before.interfaces ?? []).slice(1), ...(changed.interfaces ?? [])]).filter(
          ({ name }, index, all) => all.findIndex((each) => each.name === name) === index,
        );
        // The same vNIC of another document is another device.
        const kept = interfaces.map((each) => {
          const old = before.interfaces?.find(({ name }) => name === each.name);
          return old === undefined ? each : { ...each, mac: old.mac ?? "", pciSlot: old.pciSlot ?? "" };
        });
        const next = { ...before, ...changed, interfaces: kept, generation: (before.generation ?? 0) + 1 };
        const { changes, refusals } = planReload(asRead(before), asRead(next));
        assert.deepEqual(refusals, []);
        assert.deepEqual(bytesOf(applyChanges(asRead(before), changes)), bytesOf(asRead(next)));
        const again = planReload(asRead(applyChanges(asRead(before), changes)), asRead(next));
        assert.deepEqual(again, { changes: [], refusals: [] });
      }),
      { numRuns: 2000 },
    );
  });

  it("adds, changes and removes vNICs and volumes by their names", () => {
    const third = { ...second, name: "eth2", pciSlot: "0000:02:04.0" };
    assert.deepEqual(said({ interfaces: [first, second, third] }), ["add interfaces[eth2]"]);
    assert.deepEqual(said({ interfaces: [second] }), ["remove interfaces[eth0]"]);
    assert.deepEqual(said({ interfaces: [{ ...first, mtu: 1300 }, second] }), ["change interfaces[eth0]"]);
    assert.deepEqual(said({ interfaces: [{ ...first, firewall: {} }, second] }), ["change interfaces[eth0]"]);
    assert.deepEqual(said({ interfaces: [second, first] }), ["order interfaces"]);
    assert.deepEqual(said({ interfaces: [third, first] }), [
      "remove interfaces[eth1]",
      "add interfaces[eth2]",
      "order interfaces",
    ]);
    assert.deepEqual(said({ volumes: (present.volumes ?? []).slice(1) }), ["remove volumes[data]"]);
  });

  it("sets names, DNS and resources", () => {
    assert.deepEqual(said({ nanoCpus: 0 }), ["set nano_cpus"]);
    assert.deepEqual(said({ pidsLimit: 7, restart: null }).sort(), ["set pids_limit", "set restart"]);
    assert.deepEqual(said({ extraHosts: [], resolver: { nameservers: ["::1"] } }).sort(), [
      "set extra_hosts",
      "set resolver",
    ]);
  });

  it("notes what belongs to one start, and changes nothing for it", () => {
    const session = { ...present.session, window: { columns: 1, rows: 1 }, holdOutput: false };
    const again = {
      session,
      log: { ...present.log, writtenBytes: 1 },
      hostTimeMs: 1,
      randomSeed: Buffer.alloc(32),
    };
    assert.deepEqual(said(again), []);
    assert.deepEqual(plan({ ...again, generation: 4 }), { changes: [], refusals: [] });
    const { changes } = plan(again);
    assert.deepEqual(
      bytesOf(applyChanges(present, changes)),
      bytesOf({ ...present, ...again, generation: 5 }),
    );
  });

  const refused: ReadonlyArray<readonly [Document, string]> = [
    [{ session: { ...present.session, args: [Buffer.from("/bin/false")] } }, "session.args"],
    [{ session: { ...present.session, tty: false } }, "session.tty"],
    [{ hostname: "other" }, "hostname"],
    [{ domainname: "" }, "domainname"],
    [{ id: "f".repeat(64) }, "id"],
    [{ link: { ...present.link, hostKey: "x" } }, "link.host_key"],
    [{ security: { ...present.security, privileged: false } }, "security.privileged"],
    [{ health: null }, "health.args"],
    [{ log: { ...present.log, maxBytes: 1 } }, "log.max_bytes"],
    [{ sysctls: { "net.core.somaxconn": "1" } }, "sysctls"],
    [{ readOnlyRoot: false }, "read_only_root"],
    [{ shmBytes: 1 }, "shm_bytes"],
    [{ interfaces: [{ ...first, mac: "52:54:00:00:00:09" }, second] }, "interfaces[0].mac"],
    [{ nanoCpus: 1, generation: 4 }, "generation"],
    [{ generation: 3 }, "generation"],
    [{ hostname: "other", generation: 4 }, "hostname"],
  ];
  for (const [changes, path] of refused) {
    it(`refuses by its name what cannot change: ${path} (${Object.keys(changes).join()})`, () => {
      assert.equal(plan(changes).refusals[0]?.path, path);
    });
  }

  it("does not take another order of sysctls for a change", () => {
    const sysctls = Object.fromEntries(Object.entries(present.sysctls ?? {}).reverse());
    assert.deepEqual(said({ sysctls }), []);
  });
});
