import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { PassThrough, type Readable } from "node:stream";
import { text } from "node:stream/consumers";
import Docker from "dockerode";
import { makeTar } from "../../support/images/index.ts";
import { useServedHost } from "../../support/served-host.ts";
import { Watched } from "../../support/vm-watched.ts";

const BOX = "echo ready; echo error >&2; while read line; do echo got $line; done";

describe("dockerode with the endpoint", () => {
  const served = useServedHost();
  let docker: Docker;
  let box: Docker.Container;

  before(async () => {
    docker = new Docker({ socketPath: served.socket });
    const names = { name: "box", Hostname: "box", Labels: { of: "dockerode" } };
    const command = { Image: "demo:1", Cmd: ["sh", "-c", BOX], OpenStdin: true };
    box = await docker.createContainer({ ...names, ...command, HostConfig: { NetworkMode: "none" } });
    await box.start();
  });

  /** Parts the two outputs of what has no terminal. */
  function part(stream: NodeJS.ReadableStream): { readonly out: PassThrough; readonly err: PassThrough } {
    const [out, err] = [new PassThrough(), new PassThrough()];
    docker.modem.demuxStream(stream, out, err);
    stream.once("end", () => {
      out.end();
      err.end();
    });
    return { out, err };
  }

  it("runs a container with its output on two streams, and removes it", async () => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const said = Promise.all([text(out), text(err)]);
    const script = ["sh", "-c", "echo out; echo error >&2; exit 3"];
    const [result, container] = (await docker.run("demo:1", script, [out, err], {
      Tty: false,
      HostConfig: { NetworkMode: "none" },
    })) as [{ StatusCode: number }, Docker.Container];
    out.end();
    err.end();
    assert.deepEqual([result.StatusCode, await said], [3, ["out\n", "error\n"]]);
    assert.equal((await container.inspect()).State.ExitCode, 3);
    await container.remove();
    await assert.rejects(container.inspect(), { statusCode: 404 });
  });

  it("attaches before the start, writes, ends the input and waits", async () => {
    const container = await docker.createContainer({
      ...{ Image: "demo:1", Cmd: ["cat"], OpenStdin: true, StdinOnce: true },
      HostConfig: { NetworkMode: "none", AutoRemove: true },
    });
    const stream = await container.attach({
      hijack: true,
      stdin: true,
      stdout: true,
      stderr: true,
      stream: true,
    });
    const { out } = part(stream);
    const said = text(out);
    const ended = container.wait({ condition: "removed" });
    await container.start();
    stream.end("through\n");
    assert.equal(await said, "through\n");
    assert.deepEqual(((await ended) as { StatusCode: number }).StatusCode, 0);
  });

  it("attaches to what runs", async () => {
    const stream = await box.attach({ hijack: true, stdin: true, stdout: true, stream: true });
    const { out } = part(stream);
    stream.write("a line\n");
    await new Watched(out).expect(/^got a line\n$/);
    stream.end();
  });

  it("gives what runs its input though it closes that at once", async () => {
    const logs = await box.logs({ stdout: true, stderr: false, follow: true, tail: 0 });
    const { out } = part(logs);
    const stream = await box.attach({ hijack: true, stdin: true, stream: true });
    stream.end("said and gone\n");
    await new Watched(out).expect(/got said and gone\n/);
    (logs as Readable).destroy();
  });

  it("executes over a connection that it takes over, with input and both outputs", async () => {
    const exec = await box.exec({
      Cmd: ["sh", "-c", "cat; echo error >&2; exit 4"],
      ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
    });
    const stream = await exec.start({ hijack: true, stdin: true });
    const { out, err } = part(stream);
    stream.end("input\n");
    assert.deepEqual(await Promise.all([text(out), text(err)]), ["input\n", "error\n"]);
    assert.equal((await exec.inspect()).ExitCode, 4);
  });

  it("executes with a terminal, and gives it a size", async () => {
    const exec = await box.exec({
      Cmd: ["sh", "-c", "read line; stty size"],
      ...{ AttachStdin: true, AttachStdout: true, Tty: true },
    });
    const stream = await exec.start({ hijack: true, stdin: true, Tty: true });
    await exec.resize({ h: 41, w: 91 });
    stream.write("go\n");
    assert.match(await text(stream), /41 91\r\n$/);
  });

  it("reads logs at once, and follows them", async () => {
    const logs = await box.logs({ stdout: true, stderr: false, follow: false });
    assert.equal(logs.subarray(8, 14).toString(), "ready\n");
    const followed = await box.logs({ stdout: true, stderr: true, follow: true, tail: 1 });
    const { out } = part(followed);
    const input = await box.attach({ hijack: true, stdin: true, stream: true });
    input.end("logged\n");
    await new Watched(out).expect(/got logged\n$/);
    (followed as Readable).destroy();
  });

  it("puts and gets archives", async () => {
    const archive = makeTar([
      { name: "put/", mode: 0o755 },
      { name: "put/file", data: "text", uid: 1000 },
    ]);
    await box.putArchive(archive, { path: "/tmp" });
    const stream = await box.getArchive({ path: "/tmp/put/file" });
    assert.match(await text(stream), /^file\0[^]*text/);
    await assert.rejects(box.getArchive({ path: "/nothing" }), { statusCode: 404 });
    await assert.rejects(box.putArchive(archive, { path: "/nothing" }), { statusCode: 404 });
  });

  it("reads statistics, once and as a stream", async () => {
    const sample = await box.stats({ stream: false });
    assert.ok(sample.memory_stats.usage > 0);
    const stream = (await box.stats({ stream: true })) as unknown as Readable;
    const watched = new Watched(stream);
    await watched.expect(/"read":.*\n.*"read":.*\n/);
    stream.destroy();
  });

  it("follows events by filters", async () => {
    const events = (await docker.getEvents({
      filters: { label: ["of=dockerode"], event: ["pause", "unpause", "rename"] },
    })) as Readable;
    const told = new Watched(events);
    await box.pause();
    await box.unpause();
    await box.rename({ name: "crate" });
    await box.rename({ name: "box" });
    await told.expect(/"pause"[^]*"unpause"[^]*"rename"[^]*"oldName":"\/box"[^]*"rename"/);
    events.destroy();
  });

  it("loads, tags, lists, describes and removes images, and follows the progress", async () => {
    await docker.getImage("demo:1").tag({ repo: "other", tag: "2" });
    const saved = served.file("saved.tar");
    await served.done("save", "-o", saved, "other:2");
    await docker.getImage("other:2").remove();
    const progress = await docker.loadImage(createReadStream(saved));
    const said = await new Promise<unknown[]>((resolve, reject) => {
      docker.modem.followProgress(progress, (error, output) => (error ? reject(error) : resolve(output)));
    });
    assert.match(JSON.stringify(said), /Loaded image: other:2/);
    const [found] = await docker.listImages({ filters: { reference: ["other:2"] } });
    assert.deepEqual(found?.RepoTags, ["other:2"]);
    assert.equal((await docker.getImage("other:2").inspect()).Os, "linux");
    await docker.getImage("other:2").remove();
    await assert.rejects(docker.getImage("other:2").inspect(), { statusCode: 404 });
    await assert.rejects(docker.pull("127.0.0.1:1/none:1"));
  });

  it("lists and inspects containers, networks and volumes, and describes the engine", async () => {
    const [listed] = await docker.listContainers({ filters: { label: ["of=dockerode"] } });
    assert.deepEqual([listed?.Names, listed?.State, listed?.Image], [["/box"], "running", "demo:1"]);
    const { Config, HostConfig } = await box.inspect();
    assert.deepEqual([Config.Hostname, Config.OpenStdin, HostConfig.NetworkMode], ["box", true, "none"]);
    const { Titles, Processes } = (await box.top()) as { Titles: string[]; Processes: string[][] };
    assert.equal(Processes[0]?.length, Titles.length);
    const names = (await docker.listNetworks()).map(({ Name }) => Name);
    assert.ok(names.includes("none"), String(names));
    const { name } = await docker.createVolume({ Name: "kept", DriverOpts: { size: "32m" } });
    assert.equal((await docker.getVolume(name).inspect()).Driver, "local");
    await docker.getVolume(name).remove();
    assert.equal((await docker.info()).ContainersRunning, 1);
    assert.equal((await docker.ping()).toString(), "OK");
    assert.match((await docker.version()).ApiVersion, /^1\.\d+$/);
  });

  it("makes an image of a container", async () => {
    const exec = await box.exec({ Cmd: ["touch", "/made"], AttachStdout: true });
    const stream = await exec.start({});
    stream.resume();
    await once(stream, "end");
    const changes = (await box.changes()) as readonly { Path: string; Kind: number }[];
    assert.deepEqual(
      changes.filter(({ Path }) => Path === "/made"),
      [{ Path: "/made", Kind: 1 }],
    );
    await box.commit({ repo: "committed", tag: "1" });
    await docker.getImage("committed:1").remove();
  });

  it("restarts, stops and kills, and is told when that changes nothing", async () => {
    await box.restart({ t: 0 });
    await assert.rejects(box.start(), { statusCode: 304 });
    await box.kill();
    assert.equal((await box.inspect()).State.ExitCode, 137);
    await assert.rejects(box.stop(), { statusCode: 304 });
    await assert.rejects(box.kill(), { statusCode: 409 });
  });
});
