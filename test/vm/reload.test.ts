import assert from "node:assert/strict";
import type { ClientChannel } from "ssh2";
import { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import { TetherError } from "../../src/protocol/errors/index.ts";
import { tether } from "../../src/protocol/generated/config.js";
import { ATTACH_COMMAND } from "../../src/protocol/link-names.ts";
import { useHost } from "../support/vm-host.ts";
import { type StartedMachine, startShellMachine } from "../support/vm-machine.ts";
import { Watched } from "../support/vm-watched.ts";
import { machineDriver } from "../support/machine-driver.ts";

const HANDSHAKE_LIMIT_MS = 60_000;
const MAC = "02:00:00:00:00:07";
const OTHER_MAC = "02:00:00:00:00:08";

describe("a container VM that runs", () => {
  let started: StartedMachine;
  // Before the host looks at what is left.
  after(() => started.machine.destroy());
  const host = useHost();
  let document: tether.config.Config.$Properties;

  before(async function () {
    this.timeout(120_000);
    const interfaces = [{ id: "net0", mac: MAC, model: "virtio-net", backend: { kind: "none" } }] as const;
    started = await startShellMachine(host, { start: "forked", interfaces });
    document = started.document;
  });

  const connect = async (): Promise<GuestConnection> => {
    const machine = machineDriver().adopt(started.running);
    assert(machine !== undefined);
    const limit = AbortSignal.timeout(HANDSHAKE_LIMIT_MS);
    return GuestConnection.open(await machine.connectLink(), started.keys, () => {}, limit);
  };
  const withGuest = async <T>(work: (guest: GuestConnection) => Promise<T>): Promise<T> => {
    const guest = await connect();
    try {
      return await work(guest);
    } finally {
      guest.close();
    }
  };
  let question = 0;
  /** What the container's shell answers. */
  const ask = (command: string): Promise<string> =>
    withGuest(async (guest) => {
      const shell: ClientChannel = await guest.execute(`${ATTACH_COMMAND} 0 0`, undefined);
      const output = new Watched(shell);
      // An attachment begins with what the shell has said to the ones before.
      question += 1;
      shell.write(`echo begin ${question}; ${command}; echo end ${question}\n`);
      const [, answer] = await output.expect(new RegExp(`begin ${question}\n(.*)end ${question}\n`, "s"));
      return answer ?? "";
    });
  /** Sends the document with changes and the next generation; what was refused changes nothing of `document`. */
  const reload = async (changes: tether.config.Config.$Properties): Promise<string[]> => {
    const next = { ...document, generation: (document.generation ?? 0) + 1, ...changes };
    const message = tether.config.Config.encode(next).finish();
    const { reloaded } = await withGuest((guest) => guest.request({ reload: { document: message } }));
    document = next;
    return reloaded?.changes ?? [];
  };

  it("takes new hosts, DNS and resources, which its processes see at once", async () => {
    const before = await ask("cat /sys/fs/cgroup/cpu.max");
    assert.match(before, /^max /);
    const changes = await reload({
      extraHosts: [{ address: "192.0.2.9", names: ["db"] }],
      resolver: { nameservers: ["192.0.2.53"], search: ["example.org"], options: ["ndots:2"] },
      ...{ nanoCpus: 500_000_000, pidsLimit: 50 },
    });
    assert.deepEqual(changes.sort(), [
      ...["set extra_hosts", "set nano_cpus", "set pids_limit", "set resolver"],
    ]);
    assert.match(await ask("cat /etc/hosts"), /^192\.0\.2\.9\s+db$/m);
    assert.equal(
      await ask("cat /etc/resolv.conf"),
      "search example.org\nnameserver 192.0.2.53\noptions ndots:2\n",
    );
    assert.equal(await ask("cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max"), "50000 100000\n50\n");
  });

  it("changes nothing for the same document, and refuses by its name what cannot change", async () => {
    assert.deepEqual(await reload({ generation: document.generation ?? 0 }), []);
    const session = { ...document.session, args: [Buffer.from("other")] };
    await assert.rejects(
      reload({ session, hostname: "other", nanoCpus: 0 }),
      (error) =>
        error instanceof TetherError &&
        error.code === "conflict" &&
        /hostname cannot change/.test(error.message) &&
        /session\.args cannot change/.test(error.message),
    );
    await assert.rejects(reload({ nanoCpus: 0, generation: 1 }), /generation is 1/);
    assert.equal(await ask("cat /sys/fs/cgroup/cpu.max"), "50000 100000\n");
  });

  it("goes on with the new document after a crash of its agent", async () => {
    await assert.rejects(ask("kill -SEGV 1"), /ended without/);
    assert.deepEqual(await reload({ generation: document.generation ?? 0 }), []);
    assert.deepEqual(await reload({ nanoCpus: 0 }), ["set nano_cpus"]);
    assert.match(await ask("cat /sys/fs/cgroup/cpu.max"), /^max /);
  });

  it("gets a vNIC with address, route and firewall, changes it, and loses it", async () => {
    const vnic = { name: "eth0", mac: MAC, addresses: ["192.0.2.7/24"], gateway4: "192.0.2.1" };
    assert.deepEqual(await reload({ interfaces: [vnic] }), ["add interfaces[eth0]"]);
    const shown = await ask("ip -o -4 addr show dev eth0; ip route; cat /etc/hosts");
    assert.match(shown, /inet 192\.0\.2\.7\/24/);
    assert.match(shown, /^default via 192\.0\.2\.1 dev eth0/m);
    assert.match(shown, /^192\.0\.2\.7\s+many-clients/m);
    // The agent that takes over knows what the one before has done.
    await assert.rejects(ask("kill -SEGV 1"), /ended without/);
    assert.deepEqual(await reload({ resolver: { nameservers: ["192.0.2.54"] } }), ["set resolver"]);
    assert.equal(await ask("cat /etc/resolv.conf"), "nameserver 192.0.2.54\n");
    const changed = { ...vnic, mtu: 1400, addresses: ["192.0.2.8/24"] };
    assert.deepEqual(await reload({ interfaces: [changed] }), ["change interfaces[eth0]"]);
    const after = await ask("ip -o link show dev eth0; ip -o -4 addr show dev eth0");
    assert.match(after, /mtu 1400.*inet 192\.0\.2\.8\/24/s);
    assert.doesNotMatch(after, /192\.0\.2\.7/);
    assert.deepEqual(await reload({ interfaces: [] }), ["remove interfaces[eth0]"]);
    assert.doesNotMatch(await ask("ip -o addr; ip route"), /192\.0\.2\./);
  });

  it("gets a vNIC that is plugged while it runs, and loses it with its device", async () => {
    const machine = machineDriver().adopt(started.running);
    assert(machine !== undefined);
    await using _ = machine;
    const backend = { kind: "none" } as const;
    await machine.plugInterface({ id: "net1", mac: OTHER_MAC, model: "virtio-net", backend }, "virtio");
    const vnic = { name: "lan", mac: OTHER_MAC, addresses: ["192.0.2.9/24"] };
    assert.deepEqual(await reload({ interfaces: [vnic] }), ["add interfaces[lan]"]);
    assert.match(await ask("ip -o -4 addr show dev lan"), /inet 192\.0\.2\.9\/24/);
    assert.deepEqual(await reload({ interfaces: [] }), ["remove interfaces[lan]"]);
    await machine.unplugInterface("net1");
    assert.equal(await ask("ls /sys/class/net | grep -c lan"), "0\n");
  });

  it("finds a vNIC by its PCI slot, and gives it back the MTU that it has by itself", async () => {
    const card = `$(dirname $(grep -l ${MAC} /sys/class/net/*/address))`;
    const path = await ask(`readlink -f ${card}`);
    const [pciSlot = ""] = /[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=\/virtio)/.exec(path) ?? [];
    const vnic = { name: "slotted", pciSlot, mtu: 1400, addresses: ["192.0.2.7/24"] };
    assert.deepEqual(await reload({ interfaces: [vnic] }), ["add interfaces[slotted]"]);
    const shown = "ip -o link show dev slotted; ip -o -4 addr show dev slotted";
    assert.match(await ask(shown), new RegExp(`mtu 1400 .*${MAC}.*inet 192\\.0\\.2\\.7/24`, "s"));
    // The agent that takes over knows it, too.
    await assert.rejects(ask("kill -SEGV 1"), /ended without/);
    assert.deepEqual(await reload({ interfaces: [{ ...vnic, mtu: 0 }] }), ["change interfaces[slotted]"]);
    assert.match(await ask(shown), /mtu 1500 .*inet 192\.0\.2\.7\/24/s);
  });
});
