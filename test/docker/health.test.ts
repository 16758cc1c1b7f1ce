import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { compareLines } from "../support/docker-comparison.ts";
import { IMPORTED_IMAGE } from "../support/dockerd.ts";
import { IMAGE, type Side, useDockerPair } from "../support/docker-pair.ts";
import { describeSaid } from "../support/docker-said.ts";
import type { Said } from "../support/said.ts";
import { Watched } from "../support/vm-watched.ts";

/** What an image has of its own: as lines of a Dockerfile. */
const IMAGES = {
  words: ['HEALTHCHECK --interval=1s --timeout=20s --retries=2 CMD ["test", "-e", "/tmp/fine"]'],
  line: [
    "HEALTHCHECK --interval=1h --start-period=1m30s CMD test -e /tmp/fine",
    'SHELL ["/bin/busybox", "ash", "-ec"]',
  ],
  none: ["HEALTHCHECK NONE"],
  nothing: ["USER 0"],
} as const;

type ImageName = keyof typeof IMAGES;

/** What a request says of it. */
const OPTIONS: readonly (readonly string[])[] = [
  [],
  ["--no-healthcheck"],
  ["--health-cmd", "true; false"],
  ["--health-interval", "7s", "--health-retries", "9"],
  ["--health-cmd", "mine", "--health-timeout", "1m5s", "--health-start-period", "2s"],
];

describe("an image's health check under Docker and in a container VM", () => {
  const pair = useDockerPair();

  const archive = (image: ImageName): string => pair.host.file(`${image}.tar`);
  const call = (side: Side, image: ImageName, words: readonly string[]): Promise<Said> => {
    const name = side === "docker" ? image : `docker-archive:${archive(image)}`;
    return pair.call(
      side,
      words.map((word) => (word === IMAGE ? name : word)),
    );
  };

  before(async () => {
    for (const [image, lines] of Object.entries(IMAGES)) {
      const input = [`FROM ${IMPORTED_IMAGE}`, ...lines].join("\n");
      const { status, err } = await pair.call("docker", ["build", "-t", image, "-"], { input });
      assert.equal(status, 0, err);
      const saved = await pair.call("docker", ["save", "-o", pair.host.file(`${image}.tar`), image]);
      assert.equal(saved.status, 0, saved.err);
    }
  });

  for (const image of Object.keys(IMAGES) as ImageName[]) {
    for (const options of OPTIONS) {
      it(`is the same for ${image} with ${options.join(" ") || "nothing"}`, async () => {
        const ask = async (side: Side): Promise<string> => {
          const made = await call(side, image, ["create", "--name", "asked", ...options, IMAGE, "true"]);
          assert.equal(made.status, 0, made.err);
          const said = await pair.call(side, ["inspect", "-f", "{{json .Config.Healthcheck}}", "asked"]);
          await pair.call(side, ["rm", "asked"]);
          return describeSaid(said);
        };
        const answers = { docker: await ask("docker"), vch: await ask("vch") };
        compareLines(answers, { question: "health", surroundings: image }, []);
      });
    }
  }

  for (const side of ["docker", "vch"] as const) {
    it(`runs as the image has it, of ${side}`, async () => {
      const { status, err } = await call(side, "words", [
        "run",
        "-d",
        "--name",
        "sick",
        IMAGE,
        "sleep",
        "1000",
      ]);
      assert.equal(status, 0, err);
      const { program, args, environment } = pair.command(side, [
        "events",
        "--since",
        "10m",
        "-f",
        "event=health_status",
      ]);
      const events = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", "ignore"] });
      const told = new Watched(events.stdout);
      await told.expect(/health_status: unhealthy/);
      assert.equal((await pair.call(side, ["exec", "sick", "touch", "/tmp/fine"])).status, 0);
      await told.expect(/health_status: healthy/);
      events.kill();
      await pair.call(side, ["rm", "-f", "sick"]);
    });
  }
});
