import assert from "node:assert/strict";
import { applyChanges } from "../../../src/endpoint/requests/image-changes.ts";

describe("a change of an image's configuration", () => {
  const taken: readonly (readonly [change: string, config: object])[] = [
    ["CMD a b", { Cmd: ["/bin/sh", "-c", "a b"] }],
    ["CMD", { Cmd: ["/bin/sh", "-c"] }],
    ["ENTRYPOINT", { Entrypoint: [] }],
    ["ENV A=b C=\"d e\" F='g h' I=j\\ k L=", { Env: ["A=b", "C=d e", "F=g h", "I=j k", "L="] }],
    ["env A b c", { Env: ["A=b c"] }],
    ["EXPOSE 80-82 53/udp", { ExposedPorts: { "80/tcp": {}, "81/tcp": {}, "82/tcp": {}, "53/udp": {} } }],
    [
      'HEALTHCHECK --interval=5s --retries=3 CMD ["true"]',
      { Healthcheck: { Test: ["CMD", "true"], Interval: 5e9, Retries: 3 } },
    ],
    ["HEALTHCHECK NONE", { Healthcheck: { Test: ["NONE"] } }],
    ['LABEL "a b"=c d="e=f"', { Labels: { "a b": "c", d: "e=f" } }],
    ["ONBUILD RUN ls", { OnBuild: ["RUN ls"] }],
    ["STOPSIGNAL SIGQUIT", { StopSignal: "SIGQUIT" }],
    ["USER me", { User: "me" }],
    ['VOLUME ["/a b", "/c"]', { Volumes: { "/a b": {}, "/c": {} } }],
    ["WORKDIR x", { WorkingDir: "/x" }],
  ];
  for (const [change, config] of taken)
    it(`is taken: ${change}`, () => assert.deepEqual(applyChanges({}, [change]), config));

  // What Debian's dockerd says, but for STOPSIGNAL, which it does not take yet.
  const refused: readonly (readonly [change: string, message: string])[] = [
    ["RUN ls", "run is not a valid change command"],
    ['SHELL ["/bin/sh"]', "shell is not a valid change command"],
    ["USER", "USER requires exactly one argument"],
    ["EXPOSE", "EXPOSE requires at least one argument"],
    ["EXPOSE 82-80", "Invalid containerPort: 82-80"],
    ["EXPOSE 70000", "Invalid containerPort: 70000"],
    ["ENV A", "ENV must have two arguments"],
    ["ENV =b", "ENV names can not be blank"],
    [
      'LABEL a="b',
      'failed to process "\\"b": unexpected end of statement while looking for matching double-quote',
    ],
    ["HEALTHCHECK --interval=x CMD true", 'time: invalid duration "x"'],
    ["HEALTHCHECK --retries=-1 CMD true", "--retries must be at least 1 (not -1)"],
    ["ONBUILD ONBUILD RUN ls", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
    ["VOLUME []", "VOLUME requires at least one argument"],
    ['VOLUME [""]', "VOLUME specified can not be an empty string"],
    ["STOPSIGNAL SIGFOO", "Invalid signal: SIGFOO"],
  ];
  for (const [change, message] of refused)
    it(`is refused: ${change}`, () =>
      assert.throws(() => applyChanges({}, [change]), { name: "ApiError", status: 400, message }));
});
