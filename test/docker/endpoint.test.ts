import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { promisify } from "node:util";
import { DescribedAnswers } from "../support/docker-api/answers.ts";
import { DOCKER } from "../support/dockerd.ts";
import { hear, type Said } from "../support/said.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Watched } from "../support/vm-watched.ts";

const execute = promisify(execFile);

/** How a docker command ended. */
describe("the docker command with the endpoint", () => {
  let endpoint: Call;

  // First of all, and so ended first as well, whatever the host finds left.
  after(async () => {
    endpoint.process.kill("SIGTERM");
    assert.equal((await endpoint.finished).status, 0);
  });

  const host = useHost();
  const described = new DescribedAnswers();

  before(async () => {
    // Of this file alone, not of the images that all hosts share: they have no names.
    const archive = host.file("demo.tar");
    await execute("skopeo", [
      "--insecure-policy",
      "copy",
      "-q",
      DEMO_IMAGE,
      `docker-archive:${archive}:demo:1`,
    ]);
    mkdirSync(host.file("config"));
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST=unix:\/\/.*sock\n$/);
    const { status, out, err } = await docker(["load", "-i", archive]);
    assert.equal(status, 0, err);
    assert.match(out, /Loaded image: .*demo:1/);
    rmSync(archive);
  });

  function start(words: readonly string[], input?: string, keepsOpen = false): ChildProcess {
    const environment = {
      ...process.env,
      DOCKER_HOST: `unix://${host.file("sock")}`,
      DOCKER_CONFIG: host.file("config"),
    };
    const child = spawn(DOCKER, words, {
      env: environment,
      stdio: [input === undefined && !keepsOpen ? "ignore" : "pipe", "pipe", "pipe"],
    });
    child.stdin?.on("error", () => {
      // A command that ends before it has read everything breaks the pipe.
    });
    if (!keepsOpen) child.stdin?.end(input);
    return child;
  }

  function docker(words: readonly string[], input?: string): Promise<Said> {
    return hear(start(words, input));
  }

  /** A command that has to succeed. */
  async function done(...words: string[]): Promise<string> {
    const { status, out, err } = await docker(words);
    assert.equal(status, 0, `docker ${words.join(" ")}: ${err}`);
    return out.trim();
  }

  /** The endpoint's own answer, without a client in between. @param document for a POST. */
  function ask(path: string, document?: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const method = document === undefined ? "GET" : "POST";
      request({ socketPath: host.file("sock"), method, path, agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
        response.on("end", () => resolve(text === "" ? undefined : JSON.parse(text)));
      })
        .on("error", reject)
        .end(document === undefined ? undefined : JSON.stringify(document));
    });
  }

  const run = ["run", "--rm", "--network", "none"];

  it("runs a container: its input, its outputs, its exit status, and nothing is left", async () => {
    const script = "cat; echo error >&2; exit 5";
    const { status, out, err } = await docker([...run, "-i", "demo:1", "sh", "-c", script], "some input\n");
    assert.deepEqual({ status, out, err }, { status: 5, out: "some input\n", err: "error\n" });
    assert.equal(await done("ps", "-aq"), "");
  });

  it("ends as it does with dockerd when there is nothing to run", async () => {
    const missing = await docker([...run, "demo:1", "nothing-like-this"]);
    assert.equal(missing.status, 127);
    assert.match(missing.err, /exec: "nothing-like-this": executable file not found in \$PATH/);
    assert.equal(await done("ps", "-aq"), "");
    const refused = await docker([...run, "--device", "/dev/null", "demo:1", "true"]);
    assert.equal(refused.status, 125);
    assert.match(refused.err, /HostConfig\.Devices=.* is not supported by this endpoint yet/);
  });

  it("works in a container that runs: exec, attach, logs, cp, stats, top, events, pause, names", async () => {
    // From now on, whenever it has connected.
    const since = String(Date.now() / 1000);
    const events = start([
      "events",
      "--format",
      "{{.Action}}",
      "--since",
      since,
      "--filter",
      "type=container",
    ]);
    assert(events.stdout !== null);
    const told = new Watched(events.stdout);
    const script = "echo ready; echo error >&2; while read line; do echo got $line; done; exit 6";
    await done("run", "-d", "-i", "--name", "box", "--network", "none", "demo:1", "sh", "-c", script);
    const exec = await docker(["exec", "-i", "box", "sh", "-c", "cat; exit 7"], "in");
    assert.deepEqual(exec, { status: 7, out: "in", err: "" });
    const none = await docker(["exec", "box", "nothing-like-this"]);
    assert.equal(none.status, 127);
    await done("exec", "-d", "box", "sh", "-c", "echo x > /tmp/made; exec sleep 100000");
    assert.equal(await done("inspect", "-f", "{{len .ExecIDs}}", "box"), "1");
    assert.equal(await done("exec", "-w", "/tmp", "-e", "A=b", "box", "sh", "-c", "pwd; echo $A"), "/tmp\nb");

    const attached = start(["attach", "--sig-proxy=false", "box"], undefined, true);
    assert(attached.stdout !== null);
    attached.stdin?.write("hello\n");
    await new Watched(attached.stdout).expect(/^got hello\n$/);
    attached.kill();

    writeFileSync(host.file("copied"), "copied in\n");
    await done("cp", host.file("copied"), "box:/tmp/");
    await done("cp", "box:/tmp/copied", host.file("back"));
    assert.equal(readFileSync(host.file("back"), "utf8"), "copied in\n");
    assert.match(
      (await docker(["cp", "box:/nope", host.file("x")])).err,
      /Could not find the file \/nope in container box|No such container:path: box:\/nope/,
    );

    assert.match(await done("top", "box"), /UID[^\n]*CMD\n.*read line/s);
    assert.match(await done("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "box"), /^box [1-9]/);
    await done("pause", "box");
    assert.match(await done("ps", "--format", "{{.Status}}"), /\(Paused\)$/);
    assert.match((await docker(["exec", "box", "true"])).err, /is paused, unpause the container before exec/);
    await done("unpause", "box");

    assert.deepEqual(
      described.differences("GET", "/containers/{id}/json", 200, await ask("/containers/box/json")),
      [],
    );
    assert.deepEqual(
      described.differences("GET", "/containers/json", 200, await ask("/containers/json")),
      [],
    );
    const statistics = await ask("/containers/box/stats?stream=0");
    assert.deepEqual(described.differences("GET", "/containers/{id}/stats", 200, statistics), []);

    await done("rename", "box", "crate");
    await done("stop", "-t", "1", "crate");
    assert.equal(await done("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "crate"), "exited 143");
    const logs = await docker(["logs", "crate"]);
    assert.deepEqual(logs, { status: 0, out: "ready\ngot hello\n", err: "error\n" });
    assert.equal(await done("wait", "crate"), "143");
    await done("rm", "crate");
    assert.match((await docker(["inspect", "crate"])).err, /No such object: crate/);
    await told.expect(
      /create\nstart\n[^]*exec_start[^]*attach\n[^]*pause\nunpause\nrename\n[^]*die\n[^]*destroy\n/,
    );
    events.kill();
  });

  it("starts with an attached client what it has made, and follows its logs to the end", async () => {
    const script = "read line; echo got $line; exit 3";
    await done("create", "-i", "--name", "made", "--network", "none", "demo:1", "sh", "-c", script);
    const started = await docker(["start", "-ai", "made"], "a line\n");
    assert.deepEqual(started, { status: 3, out: "got a line\n", err: "" });
    assert.equal(await done("logs", "-f", "made"), "got a line");
    assert.match(await done("logs", "-t", "--tail", "1", "made"), /^\d{4}-\d\d-\d\dT[\d:.]+Z got a line$/);
    await done("rm", "made");
  });

  it("gives a terminal its size", async () => {
    // script(1) is the terminal that docker wants.
    // As with dockerd, the size comes behind the start.
    const script = "for i in 1 2 3 4 5 6 7 8 9; do stty size; sleep 0.2; done";
    const words = [DOCKER, ...run, "-it", "demo:1", "sh", "-c", `'${script}'`];
    const { stdout } = await execute(
      "script",
      ["-qec", `stty rows 41 cols 91; ${words.join(" ")}`, "/dev/null"],
      {
        env: {
          ...process.env,
          DOCKER_HOST: `unix://${host.file("sock")}`,
          DOCKER_CONFIG: host.file("config"),
        },
      },
    );
    assert.match(stdout, /41 91\r\n/);
  });

  it("removes by itself what was left running and was to go at its end", async () => {
    await done("run", "-d", "--rm", "--name", "short", "--network", "none", "demo:1", "sleep", "1");
    const waited = start([
      "events",
      "--since",
      "0",
      "--filter",
      "event=destroy",
      "--filter",
      "container=short",
    ]);
    assert(waited.stdout !== null);
    await new Watched(waited.stdout).expect(/ destroy /);
    waited.kill();
    assert.equal(await done("ps", "-aq"), "");
  });

  it("keeps what is in a volume, and prunes what has ended", async () => {
    assert.equal(await done("volume", "create", "--opt", "size=64m", "data"), "data");
    const volume = ["--network", "none", "-v", "data:/data", "demo:1", "sh", "-c"];
    await done("run", ...volume, "echo kept > /data/file");
    assert.equal(await done("run", "--rm", ...volume, "cat /data/file"), "kept");
    assert.match((await docker(["volume", "rm", "data"])).err, /volume is in use/);
    const id = await done("ps", "-aq", "--no-trunc");
    await done("update", "--restart", "on-failure:3", id);
    assert.equal(await done("inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", id), "on-failure");
    assert.match(await done("container", "prune", "-f"), new RegExp(`Deleted Containers:\n${id}`));
    assert.equal(await done("volume", "ls", "-q"), "data");
    await done("volume", "rm", "data");
  });

  it("gives a container more and less of a processor, and another machine at its next start", async () => {
    const words = ["--network", "none", "--cpus", "1", "-m", "160m", "demo:1", "sh", "-c"];
    const id = await done("run", "-d", ...words, "nproc; free | sed -n 2p; while :; do sleep 1; done");
    await done("update", "--cpus", "0.25", id);
    assert.equal(await done("exec", id, "cat", "/sys/fs/cgroup/cpu.max"), "25000 100000");
    assert.equal(await done("inspect", "-f", "{{.HostConfig.NanoCpus}}", id), "250000000");
    const refused = async (...options: string[]): Promise<string> =>
      (await docker(["update", ...options, id])).err;
    assert.match(await refused("--cpus", "1.5"), /runs on a VM with 1 CPU: stop it to give it 1\.5/);
    assert.match(await refused("-m", "256m", "--cpus", "1"), /runs on a VM with 167772160 bytes of memory/);
    // Nothing of what was refused.
    assert.equal(await done("exec", id, "cat", "/sys/fs/cgroup/cpu.max"), "25000 100000");
    await done("kill", id);
    await done("update", "--cpus", "2", "-m", "256m", id);
    await done("start", id);
    assert.equal(await done("exec", id, "nproc"), "2");
    assert.equal(await done("exec", id, "cat", "/sys/fs/cgroup/cpu.max"), "200000 100000");
    const [first, second] = (await done("logs", id)).split("\n").filter((line) => line.startsWith("Mem:"));
    const total = (line = ""): number => Number(line.split(/\s+/)[1]);
    assert.equal(total(second) - total(first) > 80 * 1024, true);
    await done("rm", "-f", id);
  });

  it("tells what a container has changed and takes, and exports it, running or not", async () => {
    const script = [
      "mkdir /made; echo new > /made/file; rm -r /home/demo",
      "echo more >> /etc/passwd; echo hidden > /data/file; echo ready; while :; do sleep 1; done",
    ].join("; ");
    await done(
      "run",
      "-d",
      "--name",
      "box",
      "--network",
      "none",
      "-v",
      "/data",
      "demo:1",
      "sh",
      "-c",
      script,
    );
    const logs = start(["logs", "-f", "box"]);
    assert(logs.stdout !== null);
    await new Watched(logs.stdout).expect(/^ready\n$/);
    logs.kill();
    const changed = "C /etc\nC /etc/passwd\nC /home\nD /home/demo\nA /made\nA /made/file";
    const diff = async (): Promise<string> =>
      (await done("diff", "box"))
        .split("\n")
        .filter((line) => line !== "A /data")
        .join("\n");
    assert.equal(await diff(), changed);
    const answer = await ask("/containers/box/changes");
    assert.deepEqual(described.differences("GET", "/containers/{id}/changes", 200, answer), []);
    const members = async (): Promise<string[]> => {
      await done("export", "-o", host.file("box.tar"), "box");
      const { stdout } = await execute("tar", ["-tf", host.file("box.tar")]);
      return stdout.split("\n");
    };
    const isWhole = (names: readonly string[]): void => {
      for (const name of ["bin/busybox", "made/file", "proc/"]) assert.ok(names.includes(name), name);
      // What is mounted over the disk is not on it.
      assert.deepEqual(
        names.filter((name) => /^(?:proc|data)\/./.test(name) || name === "home/demo/"),
        [],
      );
    };
    isWhole(await members());

    // One more layer than its image, and all of what has become of its files.
    await done("commit", "-m", "made here", "-c", 'CMD ["cat", "/made/file"]', "box", "made:1");
    const layers = async (image: string): Promise<number> =>
      Number(await done("inspect", "-f", "{{len .RootFS.Layers}}", image));
    assert.equal(await layers("made:1"), (await layers("demo:1")) + 1);
    assert.equal(await done("inspect", "-f", "{{.Comment}}", "made:1"), "made here");
    assert.equal(await done("inspect", "-f", "{{.State.Status}}", "box"), "running");
    assert.equal(await done(...run, "made:1"), "new");
    const looks = "tail -n 1 /etc/passwd; ls /home";
    assert.equal(await done(...run, "made:1", "sh", "-c", looks), "more");
    await done("rmi", "made:1");

    // The log, and no end of it as long as the container runs.
    const head = "POST /containers/box/attach?logs=1&stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n";
    const socket = connect(host.file("sock"));
    socket.write(`${head}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
    await new Watched(socket).expect(/ready\n$/);
    const { Id: exec } = (await ask("/containers/box/exec", { Cmd: ["sleep", "1000"] })) as { Id: string };
    await ask(`/exec/${exec}/start`, { Detach: true });
    const { Pid: pid } = (await ask(`/exec/${exec}/json`)) as { Pid: number };
    assert.match(await done("top", "box", "-o", "pid,args"), new RegExp(`^${pid} +sleep 1000$`, "m"));

    const ended = once(socket, "close");
    await done("stop", "-t", "0", "box");
    await ended;
    assert.equal(await diff(), changed);
    isWhole(await members());
    const size = Number(await done("inspect", "-s", "-f", "{{.SizeRw}}", "box"));
    assert.ok(size > 0 && size < 64 * 1024 * 1024, String(size));
    assert.match(await done("ps", "-as", "--format", "{{.Size}}"), /^[\d.]+[kM]B \(virtual [\d.]+MB\)$/);
    assert.match(await done("system", "df"), /Containers +1 +0 +[\d.]+[kM]B/);
    const usage = await ask("/system/df");
    assert.deepEqual(described.differences("GET", "/system/df", 200, usage), []);
    await done("rm", "-v", "box");
  });

  it("lets containers go on when the endpoint ends, and the next one has them", async () => {
    await done("run", "-d", "--name", "stays", "--network", "none", "demo:1", "sleep", "1000");
    endpoint.process.kill("SIGTERM");
    assert.equal((await endpoint.finished).status, 0);
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST/);
    assert.equal(await done("exec", "stays", "echo", "here"), "here");
    await done("rm", "-f", "stays");
  });
});
