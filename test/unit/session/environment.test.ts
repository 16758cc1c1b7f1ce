import assert from "node:assert/strict";
import { DEFAULT_PATH, makeEnvironment } from "../../../src/session/environment.ts";
import { specification } from "../../support/native-session.ts";

const make = (environment: readonly (string | Uint8Array)[], tty = false): string[] =>
  makeEnvironment(
    specification({
      tty,
      hostname: "box",
      environment: environment.map((each) => Buffer.from(each as string)),
    }),
    "/home/app",
  ).map((variable) => variable.toString("latin1"));

describe("the environment of a process", () => {
  it("begins with PATH and HOSTNAME, and ends with HOME", () => {
    assert.deepEqual(make(["A=1", "B=2"]), [
      `PATH=${DEFAULT_PATH}`,
      "HOSTNAME=box",
      "A=1",
      "B=2",
      "HOME=/home/app",
    ]);
  });

  it("has TERM when there is a terminal", () => {
    assert.deepEqual(make([], true), [
      `PATH=${DEFAULT_PATH}`,
      "HOSTNAME=box",
      "TERM=xterm",
      "HOME=/home/app",
    ]);
    assert.ok(!make([]).some((variable) => variable.startsWith("TERM=")));
  });

  it("is what was given where it was given", () => {
    assert.deepEqual(make(["PATH=/bin", "TERM=vt100", "HOME=/root", "HOSTNAME=other"], true), [
      "PATH=/bin",
      "HOSTNAME=other",
      "TERM=vt100",
      "HOME=/root",
    ]);
  });

  it("keeps an empty HOME that was given", () => {
    assert.ok(make(["HOME="]).includes("HOME="));
    assert.ok(!make(["HOME="]).includes("HOME=/home/app"));
  });

  it("has each variable once, with the last value", () => {
    assert.deepEqual(make(["A=1", "B=2", "A=3"]).slice(2, 4), ["A=3", "B=2"]);
  });

  it("keeps every byte of a variable, and names apart that differ in one", () => {
    const variables = [Buffer.from([0xff, 0x3d, 0x80]), Buffer.from([0xfe, 0x3d, 0x0a])];
    assert.deepEqual(make(variables).slice(2, 4), ["\u00ff=\u0080", "\u00fe=\n"]);
  });

  it("keeps what stands behind the first equals sign", () => {
    assert.ok(make(["OPTIONS=a=b=c"]).includes("OPTIONS=a=b=c"));
  });
});
