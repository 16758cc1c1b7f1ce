import { deepEqual, equal } from "node:assert/strict";
import { RingSource } from "../../../src/session/ring-source.ts";
import type { RingEvents, RingState } from "../../../src/system/process-streams.ts";
import { RecordingSystem } from "../../support/recording-system.ts";

describe("a process's output in a ring", () => {
  /** The thread that reads may be ahead of what it has told. */
  function open(): {
    source: RingSource;
    say: (state: Partial<RingState>) => void;
    tell: () => void;
    closed: () => number;
  } {
    let state: RingState = { start: 0, end: 0, hasEnded: false };
    let events: RingEvents | undefined;
    let closed = 0;
    const ring = {
      ...{ read: () => undefined, setLimit: () => {}, catchUp: () => {}, end: () => {}, close: () => {} },
      state: () => state,
      release: (start: number) => {
        state = { ...state, start };
      },
    };
    const system = new RecordingSystem().answer("openRing", (_file, _source, told) => {
      events = told;
      return ring;
    });
    const source = new RingSource(system, { source: 10, ring: 11 }, () => {
      closed += 1;
    });
    source.open(() => {});
    return {
      source,
      say: (change) => {
        state = { ...state, ...change };
      },
      tell: () => events?.onChange(),
      closed: () => closed,
    };
  }

  it("closes its source once, whoever sees the end first", () => {
    const { source, say, tell, closed } = open();
    say({ end: 5 });
    tell();
    // The end is there, and was not told yet.
    say({ end: 8, hasEnded: true });
    source.forget(5);
    deepEqual([source.start, source.end, source.hasEnded], [5, 8, true]);
    equal(closed(), 1);
    tell();
    source.catchUp();
    equal(closed(), 1);
  });
});
