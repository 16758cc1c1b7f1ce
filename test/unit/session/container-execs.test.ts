import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TetherError } from "../../../src/protocol/errors/index.ts";
import { CollectingSink } from "../../support/collecting-sink.ts";
import {
  execId,
  execSpecification,
  outputOf,
  useNativeContainers,
  words,
} from "../../support/native-container.ts";
import { shell } from "../../support/native-session.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const exited = (code: number): object => ({ code, signal: 0, coreDumped: false });
const UNATTACHED_LIMIT_MS = 60_000;

const client = (): { output: CollectingSink; errorOutput: CollectingSink } & Record<string, unknown> => ({
  output: new CollectingSink(),
  errorOutput: new CollectingSink(),
});
const attach = (session: { attach(client: never): unknown }): ReturnType<typeof client> => {
  const ends = client();
  session.attach({ ...ends, outputOffset: 0, errorOutputOffset: 0, kind: "follow" } as never);
  return ends;
};

describe("an exec", () => {
  const make = useNativeContainers();
  const folder = useTemporaryFolder();

  it("has its own command, arguments of any bytes, variables, folder and user", async () => {
    const { exec, event } = make();
    await event(({ started }) => Boolean(started));
    mkdirSync(join(folder.path, "work"));
    const strange = Buffer.concat([Buffer.from("a|b\n'\"$x"), Buffer.of(0xff, 0xfe, 0x80)]);
    const session = exec({
      args: [...shell('printf %s "$0" | od -An -tx1; echo "$A"; pwd; id -u; id -g'), strange],
      environment: words("A=b|c\n=d"),
      workingDirectory: Buffer.from(join(folder.path, "work")),
      user: "0:4321",
    });
    const { output, errorOutput } = await outputOf(session);
    const [bytes, ...lines] = output.split(/(?<=^(?: [0-9a-f]{2})+(?:\n(?: [0-9a-f]{2})+)*)\n/m);
    assert.equal((bytes ?? "").replaceAll(/\s/g, ""), strange.toString("hex"));
    assert.equal(lines.join("\n"), `b|c\n=d\n${join(folder.path, "work")}\n0\n4321\n`);
    assert.equal(errorOutput, "");
  });

  it("has a terminal or pipes, as it is asked for", async () => {
    const { exec, event } = make();
    await event(({ started }) => Boolean(started));
    const window = { columns: 99, rows: 33 };
    assert.equal((await outputOf(exec({ args: shell("stty size"), tty: true, window }))).output, "33 99\r\n");
    assert.equal((await outputOf(exec({ args: shell("test -t 1 || echo none") }))).output, "none\n");
  });

  it("runs beside two hundred others at once, and none loses a byte or its status", async () => {
    const { exec, event, sessions, namesOf } = make();
    await event(({ started }) => Boolean(started));
    const execs = Array.from({ length: 200 }, (_, index) => {
      const session = exec({ args: shell(`echo ${index}; echo error ${index} >&2; exit ${index % 256}`) });
      return { session, ...attach(session) };
    });
    const last = sessions.entries[200]?.id ?? "";
    for (const [index, { session, output, errorOutput }] of execs.entries()) {
      assert.deepEqual(await session.outcome, exited(index % 256));
      await Promise.all([output.ended, errorOutput.ended]);
      assert.deepEqual([output.text, errorOutput.text], [`${index}\n`, `error ${index}\n`]);
    }
    assert.deepEqual(namesOf(last), ["execCreated", "started", "exited"]);
    assert.equal(sessions.entries[0]?.session.state.phase, "running");
  }).timeout(60_000);

  it("that cannot start says why, and harms neither the main process nor another", async () => {
    const { exec, event, sessions, namesOf } = make();
    await event(({ started }) => Boolean(started));
    const failing = [
      exec({ args: words("nosuchcommand") }),
      exec({ args: words("/etc/passwd") }),
      exec({ args: words("/bin/true"), user: "nosuchuser" }),
      exec({ args: words("/bin/true"), workingDirectory: Buffer.from(join(folder.path, "missing")) }),
    ];
    const good = exec({ args: shell("echo good") });
    const codes = await Promise.all(
      failing.map(async ({ outcome }) => ((await outcome) as TetherError).code),
    );
    assert.deepEqual(codes, [
      "command-not-found",
      "command-not-executable",
      "user-not-found",
      "working-directory",
    ]);
    assert.equal((await outputOf(good)).output, "good\n");
    assert.equal(sessions.entries[0]?.session.state.phase, "running");
    assert.deepEqual(namesOf(sessions.entries[1]?.id ?? ""), ["execCreated", "failed"]);
    assert.deepEqual(namesOf(""), ["started"]);
  });

  it("that waits for its client starts with it, and the client loses nothing", async () => {
    const { sessions, event, events } = make();
    await event(({ started }) => Boolean(started));
    const id = execId();
    const specification = execSpecification({ args: shell("echo first; exit 3"), startAfterAttach: true });
    const { session } = sessions.createExec({ id, isPrivileged: false, specification });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(session.state.phase, "created");
    assert.equal(events.after(0).filter(({ sessionId }) => sessionId === id).length, 1);
    const { output } = attach(session);
    assert.deepEqual(await session.outcome, exited(3));
    await output.ended;
    assert.equal(output.text, "first\n");
  });

  it("whose client does not come is forgotten, and no other", async () => {
    const limits: Array<() => void> = [];
    const { setTimeout: original } = globalThis;
    const { sessions, event } = make();
    await event(({ started }) => Boolean(started));
    globalThis.setTimeout = ((action: () => void, delayMs?: number) => {
      if (delayMs === UNATTACHED_LIMIT_MS) limits.push(action);
      return original(action, delayMs);
    }) as typeof setTimeout;
    const [lonely, visited] = [execId(), execId()];
    try {
      for (const id of [lonely, visited]) {
        const specification = execSpecification({ args: shell("echo here"), startAfterAttach: true });
        sessions.createExec({ id, isPrivileged: false, specification });
      }
    } finally {
      globalThis.setTimeout = original;
    }
    attach(sessions.find(visited).session);
    limits.forEach((reach) => reach());
    assert.throws(() => sessions.find(lonely), { code: "no-such-session" });
    assert.equal((await outputOf(sessions.find(visited).session)).output, "here\n");
  });

  it("is refused when its id is taken, and while the container does not run or is paused", async () => {
    const { sessions, exec, event } = make({ main: { startAfterAttach: true } });
    const refused = (message: RegExp, id = execId()): void =>
      assert.throws(() => exec({}, id), { code: "conflict", message });
    refused(/not running/);
    attach(sessions.find("").session);
    refused(/not running/);
    await event(({ started }) => Boolean(started));
    const id = execId();
    await exec({}, id).outcome;
    refused(/exists already/, id);
    await sessions.pause();
    refused(/paused/);
    sessions.unpause();
    assert.deepEqual(await exec({}).outcome, exited(0));
    await sessions.kill();
    await sessions.ended;
    refused(/not running/);
  });

  it("is signalled and sized by its id", async () => {
    const { sessions, exec, event } = make();
    await event(({ started }) => Boolean(started));
    const id = execId();
    const session = exec(
      { args: shell("trap 'stty size; exit 7' USR1; echo ready; while :; do sleep 0.01; done"), tty: true },
      id,
    );
    const { output } = attach(session);
    await output.until(({ text }) => text === "ready\r\n");
    sessions.resize(id, { columns: 111, rows: 22 });
    sessions.signal(id, 10, false);
    await output.ended;
    assert.equal(output.text, "ready\r\n22 111\r\n");
    assert.deepEqual(await session.outcome, exited(7));
    assert.throws(() => sessions.signal(id, 10, false), { code: "no-such-session" });
    assert.throws(() => sessions.signal(execId(), 10, false), { code: "no-such-session" });
    assert.throws(() => sessions.resize(execId(), { columns: 1, rows: 1 }), { code: "no-such-session" });
  });

  it("is known for a while when it has ended; of very many only the latest are", async () => {
    const { sessions, event } = make();
    await event(({ started }) => Boolean(started));
    const ids = Array.from({ length: 300 }, execId);
    for (const id of ids) {
      const specification = execSpecification({ args: words("nosuchcommand") });
      const { session } = sessions.createExec({ id, isPrivileged: false, specification });
      await session.outcome;
    }
    assert.throws(() => sessions.find(ids[0] ?? ""), { code: "no-such-session" });
    const known = sessions.entries.slice(1).map(({ id }) => id);
    assert.ok(known.length >= 64 && known.length <= 256, `${known.length}`);
    assert.deepEqual(known, ids.slice(-known.length));
  }).timeout(30_000);

  it("gives its output's memory back when its client has left, and keeps it for one that lost its link", async () => {
    const { exec, event } = make();
    await event(({ started }) => Boolean(started));
    const end = async (departure: "left" | "lost"): Promise<number> => {
      const session = exec({ args: shell("echo printed") });
      const ends = client();
      const request = { outputOffset: 0, errorOutputOffset: 0, kind: "hold" } as const;
      const detach = session.attach({ ...ends, ...request });
      await Promise.all([ends.output.ended, ends.errorOutput.ended, session.outcome]);
      assert.equal(ends.output.text, "printed\n");
      detach(departure);
      return session.keptBytes;
    };
    assert.deepEqual([await end("left"), await end("lost")], [0, "printed\n".length]);
    const before = readdirSync("/proc/self/fd").length;
    for (let times = 0; times < 5; times += 1) await end("left");
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });

  it("tells whoever comes back for what was given back that it has missed it", async () => {
    const { exec, event } = make();
    await event(({ started }) => Boolean(started));
    const session = exec({ args: shell("echo printed") });
    const first = client();
    const detach = session.attach({ ...first, outputOffset: 0, errorOutputOffset: 0, kind: "hold" });
    await Promise.all([first.output.ended, first.errorOutput.ended, session.outcome]);
    detach("left");
    const back = client();
    session.attach({ ...back, outputOffset: 3, errorOutputOffset: 0, kind: "hold" });
    assert.deepEqual([back.output.text, back.output.missedBytes], ["", "printed\n".length - 3]);
  });

  it("does not fill the agent's memory with what it printed", async () => {
    const { sessions, exec, event } = make();
    await event(({ started }) => Boolean(started));
    for (let index = 0; index < 12; index++) await exec({ args: shell("head -c 4000000 /dev/zero") }).outcome;
    const kept = sessions.entries.map(({ session }) => session.keptBytes);
    const sum = kept.reduce((total, bytes) => total + bytes, 0);
    assert.ok(sum <= 16 * 1024 * 1024, String(sum));
    // The latest can still be read by a client that lost its link.
    assert.ok((kept.at(-1) ?? 0) > 1024 * 1024);
  }).timeout(20_000);
});

describe("a main process", () => {
  const make = useNativeContainers();

  it("that waits for its client starts with the first, and is not started again by the next", async () => {
    const { sessions, namesOf } = make({
      main: { args: shell("echo here; exit 4"), startAfterAttach: true },
    });
    const { session } = sessions.find("");
    assert.deepEqual([session.state.phase, namesOf("")], ["created", []]);
    const [first, second] = [attach(session), attach(session)];
    assert.deepEqual(await sessions.ended, exited(4));
    await Promise.all([first.output.ended, second.output.ended]);
    assert.deepEqual([first.output.text, second.output.text], ["here\n", "here\n"]);
    assert.deepEqual(namesOf(""), ["started", "exited"]);
  });

  it("that cannot start ends the container with the reason, whatever the restart policy", async () => {
    const { sessions, events, namesOf, renewals } = make({
      main: { args: words("nosuchcommand") },
      restart: { kind: "always", maximumRetryCount: 0 },
    });
    assert.equal(await sessions.ended, undefined);
    assert.deepEqual(namesOf(""), ["failed"]);
    assert.equal(events.after(0)[0]?.failed?.error?.code, "command-not-found");
    assert.equal(renewals(), 0);
  });

  it("is out of memory when the kernel killed for want of it while it ran", async () => {
    const { sessions, cgroup, event, events } = make();
    await event(({ started }) => Boolean(started));
    cgroup.runOutOfMemory();
    sessions.signal("", 9, false);
    assert.deepEqual(await sessions.ended, { code: 0, signal: 9, coreDumped: false });
    const [, outOfMemory, signalled, exit] = events.after(0);
    assert.equal(outOfMemory?.outOfMemory?.kills, 1);
    assert.equal(signalled?.signalled?.signal, 9);
    assert.equal(exit?.exited?.outOfMemory, true);
    assert.equal(sessions.entries[0]?.isOutOfMemory, true);
    assert.equal(cgroup.isWatched, false);
  });
});
