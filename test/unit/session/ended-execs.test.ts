import assert from "node:assert/strict";
import { EndedExecs } from "../../../src/session/ended-execs.ts";

const MOST_ENDED = 256;
const MEBIBYTE = 1024 * 1024;

class FakeExec {
  readonly name: number;
  readonly session: { isRead: boolean; keptBytes: number; shed(): void };

  constructor(name: number, keptBytes: number = 0) {
    this.name = name;
    const session = {
      isRead: false,
      keptBytes,
      shed: () => {
        if (!session.isRead) session.keptBytes = 0;
      },
    };
    this.session = session;
  }
}

describe("execs that have ended", () => {
  it("are known up to 256, then the first to have ended is forgotten", () => {
    const forgotten: number[] = [];
    const ended = new EndedExecs<FakeExec>(({ name }) => forgotten.push(name));
    for (let name = 0; name < MOST_ENDED + 3; name += 1) ended.add(new FakeExec(name));
    assert.deepEqual([forgotten, ended.count], [[0, 1, 2], MOST_ENDED]);
  });

  it("are not forgotten while somebody reads them, but later", () => {
    const forgotten: number[] = [];
    const ended = new EndedExecs<FakeExec>(({ name }) => forgotten.push(name));
    const read = new FakeExec(0);
    read.session.isRead = true;
    ended.add(read);
    for (let name = 1; name <= MOST_ENDED + 1; name += 1) ended.add(new FakeExec(name));
    assert.deepEqual(forgotten, [1]);
    read.session.isRead = false;
    ended.add(new FakeExec(MOST_ENDED + 2));
    assert.deepEqual(forgotten, [1, 0, 2]);
  });

  it("keep 16 MiB of output in all, that of the latest", () => {
    const ended = new EndedExecs<FakeExec>(() => {});
    const execs = Array.from({ length: 20 }, (_, name) => new FakeExec(name, MEBIBYTE));
    for (const exec of execs) ended.add(exec);
    assert.deepEqual(
      execs.map(({ session }) => session.keptBytes > 0),
      execs.map(({ name }) => name >= 4),
    );
  });

  it("keep what somebody reads, and more of the others' instead is let go", () => {
    const ended = new EndedExecs<FakeExec>(() => {});
    const execs = Array.from({ length: 17 }, (_, name) => new FakeExec(name, MEBIBYTE));
    for (const [name, exec] of execs.entries()) {
      exec.session.isRead = name === 0;
      ended.add(exec);
    }
    assert.deepEqual([execs[0]?.session.keptBytes, execs[1]?.session.keptBytes], [MEBIBYTE, 0]);
  });
});
