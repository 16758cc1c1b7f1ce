import assert from "node:assert/strict";
import { closeSync, existsSync, mkdirSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { limitContainer, makeCgroups, openContainerCgroup } from "../../../src/init/cgroups.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("the cgroups", () => {
  const folder = useTemporaryFolder();
  const read = (path: string): string => readFileSync(join(folder.path, path), "utf8");

  /** The kernel makes a cgroup's files; a folder on disk has to have them beforehand. */
  const make = (nanoCpus: number): number => {
    mkdirSync(join(folder.path, "container"), { recursive: true });
    writeFileSync(join(folder.path, "container/cgroup.procs"), "");
    makeCgroups(folder.path);
    return openContainerCgroup(nanoCpus, folder.path);
  };

  it("put the agent in its own, and give the container's controllers out", () => {
    closeSync(make(0));
    assert.equal(read("tether/cgroup.procs"), "0");
    assert.equal(read("cgroup.subtree_control"), "+cpu +io +memory +pids");
  });

  it("let a process move to the container's through the descriptor", () => {
    const descriptor = make(0);
    writeSync(descriptor, "0");
    closeSync(descriptor);
    assert.equal(read("container/cgroup.procs"), "0");
  });

  it("limit the container's CPU time only when that is asked for", () => {
    closeSync(make(0));
    assert.equal(existsSync(join(folder.path, "container/cpu.max")), false);
    const quotas: ReadonlyArray<readonly [number, string]> = [
      [500_000_000, "50000 100000"],
      [1_500_000_000, "150000 100000"],
      [10_000_000, "1000 100000"],
      [333_333_333, "33334 100000"],
    ];
    for (const [nanoCpus, quota] of quotas) {
      closeSync(make(nanoCpus));
      assert.equal(read("container/cpu.max"), quota);
    }
  });

  it("may be there already", () => {
    closeSync(make(0));
    closeSync(make(0));
  });

  it("leave the agent and the kernel memory and processes", () => {
    const limits = (availableMiB: number, threads: number, pidsLimit = 0): string[] => {
      closeSync(make(0));
      mkdirSync(join(folder.path, "proc/sys/kernel"), { recursive: true });
      writeFileSync(join(folder.path, "proc/meminfo"), `MemAvailable:   ${availableMiB * 1024} kB\n`);
      writeFileSync(join(folder.path, "proc/sys/kernel/threads-max"), `${threads}\n`);
      limitContainer(pidsLimit, folder.path, join(folder.path, "proc"));
      assert.equal(read("tether/cpu.weight"), "10000");
      return [read("container/memory.max"), read("container/pids.max")];
    };
    assert.deepEqual(limits(420, 3659), [String(393.75 * 1024 * 1024), "1829"]);
    assert.deepEqual(limits(60, 700), [String(48 * 1024 * 1024), "350"]);
    assert.deepEqual(limits(16_000, 127_000), [String((16_000 - 64) * 1024 * 1024), "63500"]);
    // As many processes as are asked for, unless that is more.
    assert.equal(limits(420, 3659, 20)[1], "20");
    assert.equal(limits(420, 3659, 0xffff_ffff)[1], "1829");
  });
});
