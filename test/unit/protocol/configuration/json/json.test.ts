import assert from "node:assert/strict";
import fc from "fast-check";
import { documentFromJson } from "../../../../../src/protocol/configuration/json/from-json.ts";
import { documentToJson } from "../../../../../src/protocol/configuration/json/to-json.ts";
import { tether } from "../../../../../src/protocol/generated/config.js";
import { catalogueError } from "../../../../support/catalogue-error.ts";
import { anyDocument } from "../../../../support/configuration/any-document.ts";
import { fullDocument, leastDocument } from "../../../../support/configuration/valid-document.ts";

const { Config } = tether.config;
const shown = (document: tether.config.Config.$Properties, showsSecrets = true): unknown =>
  JSON.parse(JSON.stringify(documentToJson(Config.create(document), { showsSecrets })));
const problemsIn = (json: unknown): string[] =>
  documentFromJson(json).problems.map(({ path, reason }) => `${path} ${reason}`);

describe("a document as JSON", () => {
  it("has config.proto's names, leaves out what is not set, and shows bytes as text where they are", () => {
    const { Trust } = tether.config.Firewall;
    const document = {
      ...{ version: 1, nanoCpus: 2 ** 53 - 1, extraHosts: [{ address: "::1", names: ["a"] }], restart: {} },
      session: { args: [Buffer.from("ä"), Uint8Array.of(0xff)], tty: false },
      interfaces: [{ pciSlot: "0000:00:01.0", firewall: { trust: Trust.BRIDGE } }],
      sysctls: { "a.b": "1" },
    };
    assert.deepEqual(shown(document), {
      ...{ version: 1, nano_cpus: 2 ** 53 - 1, extra_hosts: [{ address: "::1", names: ["a"] }], restart: {} },
      session: { args: ["ä", { base64: "/w==" }] },
      interfaces: [{ pci_slot: "0000:00:01.0", firewall: { trust: "BRIDGE" } }],
      sysctls: { "a.b": "1" },
    });
  });

  it("keeps keys and texts that are special in JavaScript", () => {
    const json: unknown = JSON.parse('{"sysctls": {"__proto__": "x", "constructor": "y"}}');
    const { document, problems } = documentFromJson(json);
    assert.deepEqual(problems, []);
    const read = Config.decode(Config.encode(document).finish());
    assert.deepEqual(Object.entries(read.sysctls), [
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  it("does not round a number", () => {
    assert.throws(
      () => shown({ log: { maxBytes: 2 ** 60 } }),
      catalogueError("configuration-invalid", /^log\.max_bytes is larger than 2\^53 - 1$/),
    );
  });

  it("masks its secrets, and what is masked is not read back", () => {
    const unknown = { $unknowns: [Uint8Array.of(0x82, 0x7d, 1, 9)] };
    const json = shown({ ...fullDocument(), ...unknown }, false);
    const masked = problemsIn(json);
    assert.deepEqual(
      masked.map((each) => each.replace(/ is masked: it was shown without --show-secrets$/, "")).sort(),
      ["$unknown", "link.host_key", "random_seed", "session.env[0]", "volumes[4].file.content"],
    );
    const text = JSON.stringify(json);
    assert.ok(!/PRIVATE KEY|BwcHBwcH|x=1|"A=b"/.test(text), text);
    assert.match(text, /"env":\[\{"masked":"A"\}\]/);
    assert.deepEqual(problemsIn(shown({ ...fullDocument(), ...unknown })), []);
  });

  const wrong: ReadonlyArray<readonly [string, unknown, string]> = [
    ["no object", [], " is no object with the fields of Config"],
    ["null", null, " is no object with the fields of Config"],
    ["an unknown field", { versoin: 1 }, "versoin is no field of Config"],
    ["protobuf's other spelling", { nanoCpus: 1 }, "nanoCpus is no field of Config"],
    ["a field of another message", { session: { mac: "" } }, "session.mac is no field of Session"],
    ["a name that is no word", { "a b\n": 1 }, '["a b\\n"] is no field of Config'],
    ["a name of a prototype", JSON.parse('{"__proto__": 1}'), "__proto__ is no field of Config"],
    ["a list for an object", { session: [] }, "session is no object with the fields of Session"],
    ["an object for a list", { interfaces: {} }, "interfaces is no list"],
    ["a fraction", { version: 1.5 }, "version is no whole number from 0 to 4294967295"],
    ["a number of 33 bits", { pids_limit: 2 ** 32 }, "pids_limit is no whole number from 0 to 4294967295"],
    ["a number as text", { nano_cpus: "1" }, "nano_cpus is no whole number from 0 to 9007199254740991"],
    ["a number for a switch", { template: 1 }, "template is neither true nor false"],
    ["a number for a text", { id: 1 }, "id is no text"],
    ["half a character", { id: "\ud800" }, 'id "\\ud800" is no Unicode text'],
    [
      "half a character in bytes",
      { session: { args: ["\ud800"] } },
      'session.args[0] "\\ud800" is no Unicode text',
    ],
    [
      "base64 that is none",
      { session: { args: ["a", { base64: "?" }] } },
      'session.args[1] is neither text nor {"base64": "…"} in one line (RFC 4648 section 4)',
    ],
    [
      "another name of an enumeration",
      { interfaces: [{ ipv4: { method: "DHCPV4" } }] },
      "interfaces[0].ipv4.method is none of NONE, DHCP, SLAAC",
    ],
    ["a sysctl that is a number", { sysctls: { "a.b": 1 } }, 'sysctls["a.b"] is no text'],
    ["sysctls in a list", { sysctls: [] }, "sysctls is no object of texts"],
  ];
  for (const [what, json, problem] of wrong) {
    it(`is refused with the field's path: ${what}`, () => assert.deepEqual(problemsIn(json), [problem]));
  }

  it("has a place for what a newer host's enumeration says", () => {
    const { document, problems } = documentFromJson({ restart: { kind: 77 } });
    assert.deepEqual([problems, document.restart?.kind], [[], 77]);
  });

  it("is a document or problems, whatever the JSON is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), anyDocument, (garbage, document) => {
        documentFromJson(garbage);
        const whole = shown(document);
        const keys = Object.keys(Object(whole));
        for (const key of keys) documentFromJson({ ...Object(whole), [key]: garbage });
      }),
    );
  });

  it("of the least document is what somebody would write by hand", () => {
    const { document, problems } = documentFromJson({
      ...{ version: 1, id: leastDocument.id, hostname: "box", session: { args: ["/bin/true"] } },
      link: { host_key: leastDocument.link?.hostKey, client_public_key: leastDocument.link?.clientPublicKey },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(Config.encode(document).finish(), Config.encode(leastDocument).finish());
  });
});
