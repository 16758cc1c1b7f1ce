import assert from "node:assert/strict";
import { isolated } from "./linux.ts";

/**
 * `sh(script)` starts an own child; `states()` gives the letter of each process but this one and its threads
 * (proc_pid_stat(5)) by its pid, and `until(condition)` looks again and again, without leaving the turn, whether a
 * condition holds.
 */
const HELPERS = `
  const sh = (script) => system.spawn({ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/bin:/usr/bin"],
    descriptors: [0, 1, 2] });
  const states = () => Object.fromEntries(fs.readdirSync("/proc").filter((name) => Number(name) > 1).flatMap((pid) => {
    try { return [[pid, fs.readFileSync("/proc/" + pid + "/stat", "latin1").split(") ")[1][0]]]; } catch { return []; }
  }));
  const until = (condition) => {
    const limit = Date.now() + 10_000;
    while (!condition()) assert(Date.now() < limit, "nothing came of it: " + JSON.stringify(states()));
  };
  const isZombie = (pid) => states()[pid] === "Z";
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
  const told = [];
  const takeAll = () => {
    for (let child = system.peekChild(); child !== undefined; child = system.peekChild()) {
      told.push(child);
      system.reapChild(child.pid);
    }
  };
`;

/** 100 whose parent ends at once, half of them before it. */
const ORPHANS = "i=0; while [ $i -lt 50 ]; do (sleep 0.1) & (exit 7) & i=$((i+1)); done; exit 3";

// As PID 1 of a namespace of their own: whoever loses his parent becomes its child.
describe("watchChildren", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);

  it("has strangers reaped though JavaScript does not come to its next turn", async () => {
    const seen = await isolated(`${HELPERS}
      system.watchChildren({ onEnded() {} });
      const own = sh(${JSON.stringify(ORPHANS)});
      until(() => isZombie(own));
      until(() => Object.keys(states()).length === 1);
      result([states()[own], system.peekChild()?.code]);
    `);
    assert.deepEqual(seen, ["Z", 3]);
  });

  it("has strangers reaped behind an own child that ended before them and waits to be taken", async () => {
    const seen = await isolated(`${HELPERS}
      system.watchChildren({ onEnded() {} });
      const own = sh("exit 1");
      until(() => isZombie(own));
      const parent = sh(${JSON.stringify(ORPHANS)});
      until(() => isZombie(parent));
      until(() => Object.keys(states()).length === 2);
      takeAll();
      result(told.map(({ code }) => code));
    `);
    assert.deepEqual(seen, [1, 3]);
  });

  it("tells of an own child that a stranger comes before in the kernel's list", async () => {
    const seen = await isolated(`${HELPERS}
      fs.writeFileSync("/mnt/go", "");
      const stranger = 'echo $$ > /mnt/stranger; while [ -e /mnt/go ]; do sleep 0.01; done; exit 5';
      const first = sh("(" + stranger + ") & while [ ! -s /mnt/stranger ]; do sleep 0.01; done; exit 2");
      until(() => isZombie(first));
      const second = sh("while [ -e /mnt/go ]; do sleep 0.01; done; exit 4");
      system.reapChild(first);
      fs.rmSync("/mnt/go");
      until(() => isZombie(second) && Object.values(states()).every((state) => state === "Z"));
      assert.equal(Object.keys(states()).length, 2);
      let ended;
      const end = new Promise((resolve) => (ended = resolve));
      system.watchChildren({ onEnded() { takeAll(); if (told.length > 0) ended(); } });
      const alive = setInterval(() => {}, 1000);
      await end;
      clearInterval(alive);
      result(told.map(({ pid, code }) => [pid === second, code]));
    `);
    assert.deepEqual(seen, [[true, 4]]);
  });

  it("tells each of 500 own children's statuses, whoever is orphaned among them", async () => {
    const seen = await isolated(`${HELPERS}
      const expected = new Map();
      system.watchChildren({ onEnded: takeAll });
      for (let i = 0; i < 500; i++) {
        expected.set(sh("(exit 9) & exit " + (i % 256)), i % 256);
        if (i % 50 === 0) await nextTurn();
      }
      while (told.length < 500) await nextTurn();
      until(() => Object.keys(states()).length === 0);
      result(told.filter(({ pid, code }) => expected.get(pid) !== code).length);
    `);
    assert.equal(seen, 0);
  });

  it("begins with whoever ended before, and with nobody", async () => {
    const seen = await isolated(`${HELPERS}
      system.watchChildren({ onEnded: takeAll }).close();
      const before = sh("exit 6");
      until(() => isZombie(before));
      system.watchChildren({ onEnded: takeAll });
      while (told.length < 1) await nextTurn();
      // Without any child the thread waits for the next.
      const after = sh("exit 7");
      while (told.length < 2) await nextTurn();
      result(told.map(({ code }) => code));
    `);
    assert.deepEqual(seen, [6, 7]);
  });

  it("leaves strangers alone before the watch and once it is closed, and tells of nobody", async () => {
    const seen = await isolated(`${HELPERS}
      const orphan = () => {
        const parent = sh("(sleep 0.05; exit 5) & exit 0");
        // Not the orphan's own child, which is a zombie for a moment.
        until(() => Object.values(states()).join("") === "ZZ");
        system.reapChild(parent);
        return Object.keys(states()).length;
      };
      const before = orphan();
      const watch = system.watchChildren({ onEnded: takeAll });
      until(() => Object.keys(states()).length === 0);
      watch.close();
      watch.close();
      const after = orphan();
      for (let turn = 0; turn < 100; turn++) await nextTurn();
      result([before, after, Object.values(states()), told.length]);
    `);
    assert.deepEqual(seen, [1, 1, ["Z"], 0]);
  });

  it("is one at a time, and keeps no process alive", async () => {
    const seen = await isolated(`${HELPERS}
      system.watchChildren({ onEnded() {} });
      sh("sleep 1000");
      result(attempt(() => system.watchChildren({ onEnded() {} })));
    `);
    assert.deepEqual(seen, {
      name: "SystemCallError",
      code: "EBUSY",
      errno: -16,
      syscall: "watchChildren",
    });
  });

  it("takes a child that is expected for an own one", async () => {
    const seen = await isolated(`${HELPERS}
      const parent = sh("(echo $$ > /mnt/parent; exec sh -c 'echo $$ > /mnt/orphan; sleep 0.1; exit 8') & " +
        "while [ ! -s /mnt/orphan ]; do sleep 0.01; done; exit 0");
      until(() => isZombie(parent));
      system.expectChild(Number(fs.readFileSync("/mnt/orphan", "utf8")));
      system.watchChildren({ onEnded: takeAll });
      while (told.length < 2) await nextTurn();
      result(told.map(({ code }) => code));
    `);
    assert.deepEqual(seen, [0, 8]);
  });

  it("leaves the children of others to them where it is not PID 1, and finds its own behind them", async () => {
    const seen = await isolated(
      `${HELPERS}
      const { spawn, execFileSync } = await import("node:child_process");
      system.watchChildren({ onEnded: takeAll });
      const own = sh("sleep 0.1; exit 3");
      const codes = [];
      for (let i = 0; i < 50; i++) {
        const child = spawn("/bin/sh", ["-c", "exit 4"]);
        child.on("exit", (code) => codes.push(code));
        codes.push(Number(execFileSync("/bin/sh", ["-c", "echo 4"])));
      }
      while (codes.length < 100 || told.length < 1) await nextTurn();
      result([codes.filter((code) => code !== 4), told.map(({ pid, code }) => [pid === own, code])]);
    `,
      { namespaces: ["-m"] },
    );
    assert.deepEqual(seen, [[], [[true, 3]]]);
  });
});
