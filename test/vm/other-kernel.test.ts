import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { buildBootMedium } from "../../iso-build/index.ts";
import { ROOT } from "../support/project-files.ts";
import { type Answers, ask } from "../support/vm-questions.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { join } from "node:path";

const QUESTIONS = {
  // First of all: an e1000e card takes two seconds to find its link's other end.
  links: "cat /sys/class/net/eth0/operstate /sys/class/net/eth1/operstate",
  kernel: "uname -r",
  cards: "for card in eth0 eth1; do basename $(readlink /sys/class/net/$card/device/driver); done",
  addresses: "ip -o -4 addr show",
  ping: "ping -c 1 -W 5 10.0.2.2",
  volume: "grep ' /data ' /proc/mounts",
} as const;

/** Debian's kernel for all kinds of machines, which drives what its kernel for virtual ones does not. */
describe("a boot medium with Debian's other kernel", () => {
  const host = useHost();
  let answers: Answers<keyof typeof QUESTIONS>;
  before(async function () {
    this.timeout(240_000);
    const root = host.file("root");
    await buildBootMedium({
      agent: join(ROOT, "build/agent/tether"),
      stage0: join(ROOT, "build/native/stage0"),
      prefetch: join(ROOT, "build/agent/prefetch"),
      out: join(root, "build/boot"),
      kernelPackage: "linux-image-amd64",
      kernelCache: join(ROOT, "build/kernel-cache"),
      iso: false,
    });
    const program = [
      process.execPath,
      fileURLToPath(import.meta.resolve("../support/programs/vch-of-boot.ts")),
      root,
    ];
    const cards = ["--network", "user,model=e1000e", "--network", "user,model=virtio-net"];
    answers = await ask(
      host,
      ["--start", "cold", ...cards, "-v", "data:/data", DEMO_IMAGE],
      QUESTIONS,
      program,
    );
  });

  it("boots with it", () => {
    assert.match(answers.kernel.output, /^6\.[\d.]+-\d+-amd64$/m);
  });

  it("has an e1000e card and a virtio one, with their addresses, and a network behind them", () => {
    assert.equal(answers.cards.output, "e1000e\nvirtio_net\n");
    assert.match(answers.addresses.output, /eth0 +inet 10\.0\.2\.15\/24.*eth1 +inet 10\./s);
    assert.equal(answers.ping.status, 0, answers.ping.output);
  });

  it("starts the process when its links carry packets", () => {
    assert.equal(answers.links.output, "up\nup\n");
  });

  it("has a volume", () => {
    assert.match(answers.volume.output, /^\/dev\/vd[a-z] \/data ext4 rw/m);
  });
});
