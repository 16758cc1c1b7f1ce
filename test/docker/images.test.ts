import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DOCKER, useDockerd } from "../support/dockerd.ts";
import { PASSWORD, Registry, USER } from "../support/registry.ts";
import { run, type Said } from "../support/said.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";

const execute = promisify(execFile);

/** How a docker command ended. */
/** Two images of one layer, by the names that the tests give them. */
const LIST = "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}";

describe("images, with the docker command and dockerd beside the endpoint", function () {
  let endpoint: Call;
  let registry: Registry | undefined;
  let folder = "";
  let archive = "";

  // First of all, and so ended first as well, whatever the host finds left.
  after(async () => {
    endpoint?.process.kill("SIGTERM");
    assert.equal((await endpoint?.finished)?.status, 0);
    await registry?.[Symbol.asyncDispose]();
    if (folder !== "") rmSync(folder, { recursive: true });
  });
  const dockerd = useDockerd();
  // What other tests have left in the store is none of what is compared.
  const host = useHost({ sharesImages: false });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "docker-images-"));
    for (const name of ["registry", "config"]) mkdirSync(join(folder, name));
    archive = join(folder, "demo.tar");
    await execute("skopeo", [
      "--insecure-policy",
      "copy",
      "-q",
      DEMO_IMAGE,
      `docker-archive:${archive}:demo:1`,
    ]);
    registry = await Registry.start(join(folder, "registry"), { isPrivate: true });
    endpoint = host.start(["serve", "-H", `unix://${host.file("sock")}`]);
    await endpoint.stdout.expect(/^export DOCKER_HOST=unix:\/\/.*sock\n$/);
    // Nothing but what both get here.
    await docker("dockerd", ["rmi", "-f", "demo"]);
    assert.deepEqual(await both(["load", "-i", archive]), {
      status: 0,
      out: "Loaded image: demo:1\n",
      err: "",
    });
  });

  function environment(side: "dockerd" | "vch"): NodeJS.ProcessEnv {
    return side === "dockerd"
      ? dockerd.environment()
      : {
          ...process.env,
          DOCKER_HOST: `unix://${host.file("sock")}`,
          DOCKER_CONFIG: join(folder, "config"),
        };
  }

  const docker = (side: "dockerd" | "vch", words: readonly string[]): Promise<Said> =>
    run(DOCKER, words, environment(side));

  /** What both say, which has to be the same. @param vary what of it may be different. */
  async function both(
    words: readonly string[],
    vary: (text: string) => string = (text) => text,
  ): Promise<Said> {
    const alike = ({ status, out, err }: Said): Said => ({ status, out: vary(out), err: vary(err) });
    const expected = alike(await docker("dockerd", words));
    assert.deepEqual(alike(await docker("vch", words)), expected, `docker ${words.join(" ")}`);
    return expected;
  }

  async function done(words: readonly string[], vary?: (text: string) => string): Promise<string> {
    const { status, out, err } = await both(words, vary);
    assert.equal(status, 0, `docker ${words.join(" ")}: ${err}`);
    return out;
  }

  it("have the same ids, sizes, layers and histories", async () => {
    assert.match(
      await done(["images", "--no-trunc", "--format", LIST]),
      /^demo:1 sha256:[0-9a-f]{64} [\d.]+MB\n$/,
    );
    for (const format of [
      "{{.RootFS.Layers}} {{.Size}}",
      "{{json .Config.Cmd}} {{json .Config.Env}}",
      "{{.Id}} {{.RepoTags}}",
    ])
      await done(["inspect", "-f", format, "demo:1"]);
    await done([
      "history",
      "--no-trunc",
      "--format",
      "{{.ID}} {{.CreatedBy}} {{.Size}} {{.Comment}}",
      "demo:1",
    ]);
  });

  it("go from one to the other by archives, with the same ids", async () => {
    for (const [from, to] of [
      ["vch", "dockerd"],
      ["dockerd", "vch"],
    ] as const) {
      const file = join(folder, `${from}.tar`);
      await docker(from, ["tag", "demo:1", `${from}:saved`]);
      assert.deepEqual(await docker(from, ["save", "-o", file, "demo:1", `${from}:saved`]), {
        status: 0,
        out: "",
        err: "",
      });
      const { status, out, err } = await docker(to, ["load", "-i", file]);
      assert.deepEqual([status, err], [0, ""]);
      assert.deepEqual(out.trim().split("\n").sort(), [
        "Loaded image: demo:1",
        `Loaded image: ${from}:saved`,
      ]);
    }
    const listed = (await done(["images", "--no-trunc", "--format", "{{.ID}}"])).trim().split("\n");
    assert.deepEqual([listed.length, new Set(listed).size], [3, 1]);
    for (const name of ["vch:saved", "dockerd:saved"]) await done(["rmi", name]);
  });

  it("are named and removed with the same words", async () => {
    await done(["tag", "demo:1", "registry.example:5000/team/app:v1"]);
    await done(["tag", "demo:1", "app"]);
    for (const filter of [
      "reference=app",
      "reference=*/team/app",
      "reference=dem*",
      "dangling=true",
      "label=x",
    ])
      await done(["images", "--filter", filter, "--format", "{{.Repository}}:{{.Tag}}"], sorted);
    const id = (await done(["images", "-q", "demo:1"])).trim();
    for (const words of [
      ["rmi", id],
      ["rmi", "nothing"],
      ["tag", "nothing", "x"],
      ["tag", "demo:1", "Upper"],
      ["images", "--filter", "colour=red"],
      ["history", "nothing"],
      ["save", "nothing"],
      ["inspect", "--type", "image", "nothing"],
      ["rmi", "app", "registry.example:5000/team/app:v1"],
      ["image", "prune", "-f"],
      ["image", "prune", "-af", "--filter", "until=2000-01-01"],
    ])
      await both(words);
    assert.match(await done(["rmi", "demo:1"]), /^Untagged: demo:1\nDeleted: sha256:[0-9a-f]{64}\nDeleted: /);
    assert.equal(await done(["images", "-q"]), "");
    await done(["load", "-i", archive]);
  });

  it("go to a registry and come back, with a login", async () => {
    const server = registry?.host ?? "";
    const name = `${server}/team/app:v1`;
    await done(["tag", "demo:1", name]);
    const login = ["login", "-u", USER];
    assert.equal((await both([...login, "-p", "wrong", server])).status, 1);
    assert.equal((await docker("vch", ["push", name])).status, 1);
    await done([...login, "-p", PASSWORD, server], (text) => text.replace(/ in \S+config\.json/, ""));
    // Each compresses layers in its own way; dockerd tells twice of what is there.
    const pushed = (text: string): string =>
      text
        .replace(/Layer already exists|Mounted from .*/g, "Pushed")
        .replace(/sha256:[0-9a-f]{64} size: \d+/, "DIGEST");
    for (const side of ["dockerd", "vch"] as const) {
      const { status, out, err } = await docker(side, ["push", name]);
      assert.deepEqual([status, err], [0, ""]);
      assert.match(
        pushed(out),
        /^The push refers to repository \[\S+\/team\/app\]\n[0-9a-f]{12}: Preparing\n[^]*[0-9a-f]{12}: Pushed\nv1: digest: DIGEST\n$/,
      );
    }
    await done(["pull", name], withoutSteps);
    for (const missing of [`${server}/team/app:v9`, `${server}/nothing:v1`, "127.0.0.1:1/app"])
      assert.equal((await both(["pull", missing])).status, 1);
    // The one that was pushed last.
    await done(["pull", "-q", name]);
    await done(["inspect", "-f", "{{.Id}}", name]);
    for (const side of ["dockerd", "vch"] as const) await docker(side, ["rmi", "-f", name, "demo:1"]);
    assert.equal(await done(["images", "-q"]), "");
    await done(["pull", name], withoutSteps);
    await done(["pull", name], withoutSteps);
    await done(["pull", "-a", `${server}/team/app`], withoutSteps);
    await done([
      "images",
      "--digests",
      "--no-trunc",
      "--format",
      "{{.Repository}} {{.Tag}} {{.Digest}} {{.ID}}",
    ]);
    await done(["manifest", "inspect", "--insecure", name]);
    await done(["logout", server]);
    // dockerd names its request here for a registry with passwords, and says this for one with tokens.
    const denied = await docker("vch", ["pull", name]);
    assert.match(
      denied.err,
      /pull access denied for \S+\/team\/app, repository does not exist or may require 'docker login'/,
    );
    assert.equal((await docker("dockerd", ["pull", name])).status, denied.status);
    await done(["rmi", name]);
  });

  it("are imported, with changes", async () => {
    const { stdout } = await execute("sh", [
      "-c",
      `cd ${folder} && mkdir -p root/bin && echo x > root/bin/sh && tar -C root -cf root.tar . && echo root.tar`,
    ]);
    const file = join(folder, stdout.trim());
    const changes = [
      'CMD ["sh"]',
      "ENV A=1",
      "EXPOSE 80",
      "LABEL a=b",
      "HEALTHCHECK --interval=3s CMD true",
      "USER 5",
      "VOLUME /data",
    ];
    const words = [
      "import",
      "-m",
      "a message",
      ...changes.flatMap((change) => ["-c", change]),
      file,
      "root:1",
    ];
    await done(words, (text) => text.replace(/[0-9a-f]{64}/, "ID"));
    await done([
      "inspect",
      "-f",
      "{{json .Config.Cmd}} {{json .Config.Env}} {{json .Config.ExposedPorts}} {{json .Config.Labels}} {{json .Config.Healthcheck}} {{.Config.User}} {{json .Config.Volumes}} {{.Comment}} {{.Size}} {{.RootFS.Layers}}",
      "root:1",
    ]);
    await both(["import", "-c", "RUN true", file]);
    await done(["rmi", "root:1"], (text) => text.replace(/Deleted: .*/, "ID"));
  });
});

function sorted(text: string): string {
  return text.split("\n").sort().join("\n");
}

/** dockerd leaves out of a layer's steps what comes too soon behind another. */
function withoutSteps(text: string): string {
  return text.replace(/^[0-9a-f]{12}: (?!Pull complete).*\n/gm, "");
}
