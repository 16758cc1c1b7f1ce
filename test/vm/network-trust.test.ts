import assert from "node:assert/strict";
import { plugInterface, unplugInterface } from "../../src/hypervisor/qemu/network-devices.ts";
import { visitQmp } from "../../src/hypervisor/qemu/qmp-visit.ts";
import { folderOf } from "../support/guest-of.ts";
import { useSegment } from "../support/network-segment.ts";
import { ask } from "../support/vm-questions.ts";
import { type Call, DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { machineRoom } from "../support/machine-room.ts";

/** What gets through at each level. The columns are CHECKS, in their order. */
const LEVELS = {
  published: "yes yes yes yes no  no  yes no ",
  open: "     yes yes yes yes yes yes yes yes",
  closed: "   no  no  no  no  no  no  no  no ",
  outbound: " yes no  no  no  no  no  no  no ",
  peers: "    yes yes yes yes yes yes no  no ",
  bridge: "   yes yes yes yes yes yes no  no ",
} as const;

const LEVEL_NAMES = Object.keys(LEVELS) as Array<keyof typeof LEVELS>;

/** Of the vNIC with a number, in the family that an address is of. */
interface Ends {
  readonly vm: string;
  /** In the network's pool. */
  readonly peer: string;
  /** Reached by a route, in no pool. */
  readonly stranger: string;
}

const ends4 = (index: number): Ends => ({
  vm: `10.0.${index}.2`,
  peer: `10.0.${index}.1`,
  stranger: `172.20.${index}.1`,
});
const ends6 = (index: number): Ends => ({
  vm: `fd00:${index}::2`,
  peer: `fd00:${index}::1`,
  stranger: `fd01:${index}::1`,
});

const WAIT_S = 5;

/** Debian's static busybox has a wget that fails without a C library beside it. */
const GET = "printf 'GET / HTTP/1.0\\r\\n\\r\\n'";

const ping = (from: string, to: string): string =>
  `busybox ping ${to.includes(":") ? "-6" : "-4"} -c 1 -W ${WAIT_S} -I ${from} ${to}`;
const connect = (from: string, to: string, port: number): string =>
  `nc.openbsd -z -w ${WAIT_S} -s ${from} ${to} ${port}`;

/** Each is a command outside of the VM, but for the first: the VM has got an answer. */
const CHECKS: ReadonlyArray<readonly [name: string, command: (ends: Ends) => string]> = [
  ["established", () => ""],
  ["ping of a peer", ({ vm, peer }) => ping(peer, vm)],
  ["published and redirected", ({ vm, peer }) => connect(peer, vm, 8080)],
  ["published", ({ vm, peer }) => connect(peer, vm, 9090)],
  ["unpublished", ({ vm, peer }) => connect(peer, vm, 7070)],
  ["the redirection's target", ({ vm, peer }) => connect(peer, vm, 80)],
  ["ping of a stranger", ({ vm, stranger }) => ping(stranger, vm)],
  ["unpublished, for a stranger", ({ vm, stranger }) => connect(stranger, vm, 7070)],
];

const network = (index: number, more: string): string[] => [
  "--network",
  [
    `tap:tap${index},mac=02:00:00:00:00:1${index}`,
    `ip=${ends4(index).vm}/24,ip=${ends6(index).vm}/64`,
    `route=172.20.${index}.0/24@${ends4(index).peer},route=fd01:${index}::/64@${ends6(index).peer}`,
    more,
  ].join(","),
];

/** One for each level, and two that are open: one is another kind of card. */
const NETWORKS = [
  ...LEVEL_NAMES.flatMap((trust, index) =>
    network(
      index,
      `trust=${trust},pool=10.0.${index}.0/24,pool=fd00:${index}::/64,publish=8080:80,publish=9000-9090:9000-9090`,
    ),
  ),
  ...network(6, "trust=open,model=vmxnet3"),
  ...network(7, "trust=open"),
];
const COUNT = LEVEL_NAMES.length + 2;

const SCRIPT = `
for port in 80 7070 9090; do httpd -p $port -h /var/www; done
for i in $(seq 0 ${COUNT - 1}); do
  for host in 10.0.$i.1 fd00:$i::1; do
    (echo | nc -w ${WAIT_S} $host 5555 >/dev/null 2>&1 && echo "answer $host") &
  done
done
wait
echo ready
while sleep 0.2; do ls /sys/class/net | tr '\\n' ' '; echo; done`;

describe("the firewall", () => {
  // Closed behind the container's end.
  const host = useHost();

  describe("of a container VM with eight vNICs, one for each level of trust", () => {
    const numbers = Array.from({ length: COUNT }, (_, index) => index);
    const addresses = numbers.flatMap((index) =>
      [ends4(index), ends6(index)].flatMap(({ peer, stranger }) =>
        [peer, stranger].map((each) => `${each}/${each.includes(":") ? 64 : 24}`),
      ),
    );
    const segment = useSegment("trust", addresses, COUNT + 2);
    let call: Call;
    let output: string;
    const results = new Map<string, boolean>();

    before(async () => {
      const listener = segment.start("busybox", ["nc", "-ll", "-p", "5555", "-e", "true"]);
      call = host.start(["run", "--rm", "--name", "trusting", ...NETWORKS, DEMO_IMAGE, "sh", "-c", SCRIPT], {
        program: segment.vch,
      });
      await call.stdout.expect(/ready\n/);
      output = call.stdout.text;
      listener.kill();
      const commands = LEVEL_NAMES.flatMap((level, index) =>
        [ends4(index), ends6(index)].flatMap((ends) =>
          CHECKS.slice(1).map(([name, command]) => [`${level} ${name} ${ends.vm}`, command(ends)] as const),
        ),
      );
      await Promise.all(
        commands.map(async ([key, command]) => results.set(key, (await segment.ask(command)).status === 0)),
      );
    });

    after(async () => {
      await host.run(["rm", "-f", "trusting"]);
      await call.finished;
    });

    for (const [index, level] of LEVEL_NAMES.entries()) {
      it(`lets through what ${level} lets through`, () => {
        for (const ends of [ends4(index), ends6(index)]) {
          const found = CHECKS.map(([name]) => {
            const got =
              name === "established"
                ? output.includes(`answer ${ends.peer}\n`)
                : results.get(`${level} ${name} ${ends.vm}`);
            return `${name}: ${got === true ? "yes" : "no"}`;
          });
          const expected = LEVELS[level].trim().split(/\s+/);
          assert.deepEqual(
            found,
            CHECKS.map(([name], check) => `${name}: ${expected[check]}`),
            ends.vm,
          );
        }
      });
    }

    it("has all of them, a vmxnet3 card among them", async () => {
      for (const index of [6, 7]) {
        const { status, output: said } = await segment.ask(ping(ends4(index).peer, ends4(index).vm));
        assert.equal(status, 0, said);
      }
    });

    it("is reached by another container VM on the segment, as the level says", async () => {
      const { published, unpublished, open } = await ask(
        host,
        ["--network", `tap:tap${COUNT},ip=10.0.0.77/24,ip=10.0.1.77/24`, DEMO_IMAGE],
        {
          published: `${GET} | nc -w ${WAIT_S} 10.0.0.2 8080`,
          unpublished: `nc -w ${WAIT_S} 10.0.0.2 7070 </dev/null`,
          open: `ping -c 1 -W ${WAIT_S} 10.0.1.2 && ${GET} | nc -w ${WAIT_S} 10.0.1.2 7070`,
        },
        segment.vch,
      );
      assert.equal(published.status, 0, published.output);
      assert.match(published.output, /Served from a container VM/);
      assert.notEqual(unpublished.status, 0);
      assert.match(open.output, /Served from a container VM/);
    });

    it("takes a vNIC that is plugged while it runs, and lets go of it", async () => {
      const folder = machineRoom(folderOf(host, "trusting"));
      const plugged = {
        id: "hot",
        mac: "02:00:00:00:00:99",
        model: "virtio-net",
        backend: { kind: "none" },
      } as const;
      await visitQmp(folder, (qmp) => plugInterface(qmp, plugged, "virtio"));
      await call.stdout.expect(/eth8/);
      await visitQmp(folder, (qmp) => unplugInterface(qmp, plugged.id));
      await call.stdout.expect(/eth7 lo \n/);
    });
  });
});
