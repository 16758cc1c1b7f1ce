import assert from "node:assert/strict";
import fc from "fast-check";
import { makeFilter } from "../../../src/portlayer/execution/container-filter.ts";
import { makeEventFilter } from "../../../src/portlayer/execution/docker-events.ts";
import { fillTemplate } from "../../../src/cli/go-template.ts";
import type { KnownContainer } from "../../../src/portlayer/execution/index.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { containerRecord } from "../../support/container-records.ts";
import { containerSettings } from "../../support/container-settings.ts";

describe("a template", () => {
  const value = {
    Id: "abc",
    State: { Status: "running", Running: true, ExitCode: 0, Error: null },
    Config: { Cmd: ["a", "b"], Labels: { "x.y": "1", b: "2" } },
  };
  const table: ReadonlyArray<readonly [string, string]> = [
    ["{{.Id}}", "abc"],
    ["{{ .State.Status }}/{{.State.ExitCode}}", "running/0"],
    ["{{.State.Running}}", "true"],
    ["{{.State.Error}}", "<nil>"],
    ["{{.Config.Cmd}}", "[a b]"],
    ["{{.Config.Labels}}", "map[b:2 x.y:1]"],
    ["{{json .Config}}", '{"Cmd":["a","b"],"Labels":{"x.y":"1","b":"2"}}'],
    ["{{json .}}", JSON.stringify(value)],
    ['{{index .Config.Labels "x.y"}}', "1"],
    ["{{len .Config.Cmd}}", "2"],
    ["{{upper .Id}}\\t{{lower .Id}}\\n", "ABC\tabc\n"],
    ["no action", "no action"],
  ];
  for (const [template, expected] of table)
    it(`${template} is filled in`, () => assert.equal(fillTemplate(template, value), expected));

  it("that names what is not there, or does more than is known, is refused", () => {
    assert.throws(
      () => fillTemplate("{{.Nothing}}", value),
      catalogueError("invalid-option", /no entry for key "Nothing"/),
    );
    for (const template of ["{{range .Config.Cmd}}x{{end}}", "{{if .Id}}", "{{.a b}}", "{{}}"])
      assert.throws(
        () => fillTemplate(template, value),
        catalogueError("invalid-option", /template/),
        template,
      );
  });

  it("is filled in, or ends in an error of the catalogue, whatever it is", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const template of [text, `{{${text}}}`, `{{json .${text}}}`]) {
          try {
            assert.equal(typeof fillTemplate(template, value), "string");
          } catch (error) {
            assert(error instanceof TetherError, String(error));
          }
        }
      }),
    );
  });
});

const VOLUME = {
  kind: "volume",
  propagation: "rprivate",
  ...{ name: "data", target: "/data", subPath: "" },
  ...{ isReadOnly: false, isAnonymous: false, isPopulated: true },
} as const;

describe("the filters of ps", () => {
  const known = (
    id: string,
    changes: Parameters<typeof containerRecord>[1],
    state: Partial<KnownContainer["state"]> = {},
  ): KnownContainer => ({
    record: containerRecord(id, changes),
    state: {
      status: "running",
      pid: 1,
      health: undefined,
      restartCount: 0,
      isOutOfMemory: false,
      exit: undefined,
      finished: undefined,
      ...state,
    },
  });
  const all = [
    known("a1", { name: "web", created: "2026-01-01T00:00:00.000Z" }, { health: "healthy" }),
    known("a2", {
      name: "web-2",
      created: "2026-01-02T00:00:00.000Z",
      image: "oci:other",
      settings: containerSettings({ labels: { tier: "front", x: "" }, mounts: [VOLUME] }),
    }),
    known(
      "b1",
      { name: "db", created: "2026-01-03T00:00:00.000Z" },
      { status: "exited", exit: { code: 0, signal: 9 } },
    ),
  ];
  const names = (...filters: string[]): string[] =>
    all.filter(makeFilter(filters, all)).map(({ record }) => record.name);

  const table: ReadonlyArray<readonly [readonly string[], readonly string[]]> = [
    [[], ["web", "web-2", "db"]],
    [["id=a"], ["web", "web-2"]],
    [["name=web"], ["web", "web-2"]],
    [["name=^web$"], ["web"]],
    [["name=^/web$"], ["web"]],
    [["name=("], []],
    [["status=exited"], ["db"]],
    [
      ["status=exited", "status=running"],
      ["web", "web-2", "db"],
    ],
    [["exited=137"], ["db"]],
    [["ancestor=oci:other"], ["web-2"]],
    [["health=healthy"], ["web"]],
    [["health=none"], ["web-2", "db"]],
    [["label=tier"], ["web-2"]],
    [["label=tier=front", "label=x"], ["web-2"]],
    [["label=tier=back"], []],
    [["before=web-2"], ["web"]],
    [["since=web", "status=running"], ["web-2"]],
    [["network=none"], ["web", "web-2", "db"]],
    [["network=bridge"], []],
    [["volume=data"], ["web-2"]],
    [["volume=/data"], ["web-2"]],
    [["volume=dat"], []],
    [["is-task=true"], []],
    [["publish=80"], []],
  ];
  for (const [filters, expected] of table)
    it(`${filters.join(" and ") || "none"}: ${expected.join(", ") || "nothing"}`, () =>
      assert.deepEqual(names(...filters), expected));

  it("that do not exist are refused in Docker's words", () => {
    assert.throws(() => names("colour=red"), catalogueError("invalid-option", /^Invalid filter 'colour'$/));
    assert.throws(() => names("name"), catalogueError("invalid-option", /^bad format of filter/));
    assert.throws(() => names("before=nothing"), catalogueError("no-such-container"));
    for (const value of ["status=asleep", "health=fine", "exited=x", "is-task=maybe", "publish=http"])
      assert.throws(() => names(value), catalogueError("invalid-option"), value);
  });
});

describe("the filters of events", () => {
  const event = {
    timeMs: 0,
    action: "exec_start: sh -c true",
    id: "abc",
    name: "web",
    image: "oci:demo",
    attributes: { tier: "front" },
  };
  it("go by container, image, label, and the first word of what happened", () => {
    for (const filter of [
      "container=web",
      "container=ab",
      "image=oci:demo",
      "label=tier=front",
      "event=exec_start",
    ])
      assert.equal(makeEventFilter([filter])(event), true, filter);
    for (const filter of ["container=we", "container=", "label=tier=x", "event=exec", "type=image"])
      assert.equal(makeEventFilter([filter])(event), false, filter);
    assert.equal(makeEventFilter(["event=die", "event=exec_start", "container=web"])(event), true);
    assert.throws(() => makeEventFilter(["colour=red"]), catalogueError("invalid-option"));
  });
});
