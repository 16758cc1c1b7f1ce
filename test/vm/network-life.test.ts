import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { DhcpServer } from "../support/dhcp-server.ts";
import { useSegment } from "../support/network-segment.ts";
import { restartsOf, succeedOn } from "../support/vm-commands.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { Watched } from "../support/vm-watched.ts";

const MAC = "02:00:00:00:00:07";

describe("the network of a container VM that goes on", () => {
  const host = useHost();
  const segment = useSegment("life", ["192.0.2.1/24", "2001:db8::1/64"], 1);
  const succeed = succeedOn(host);
  const shown = (): Promise<string> =>
    succeed(
      "exec",
      "target",
      "sh",
      "-c",
      "ip -o addr show dev eth0 scope global; ip route; cat /etc/resolv.conf",
    );

  it("outlives a crash of the agent, DHCP client and all; a client that ends is started again", async () => {
    await using server = await DhcpServer.start(segment, [
      ...["--port=0", "--dhcp-range=192.0.2.50,192.0.2.60,2m", "--dhcp-option-force=option:T1,3"],
      "--dhcp-option=option:dns-server,192.0.2.53",
    ]);
    const run = [
      "run",
      "-d",
      "--name",
      "target",
      "--network",
      `tap:tap0,mac=${MAC},ip=2001:db8::7/64,ipv4=dhcp`,
    ];
    const { status, complaints } = await host.run([...run, DEMO_IMAGE, "sleep", "1000"], {
      program: segment.vch,
    });
    assert.equal(status, 0, complaints.join("\n"));
    try {
      const before = await shown();
      assert.match(before, /inet 192\.0\.2\.5\d\/24 .*inet6 2001:db8::7\/64 /s);
      await server.said.expect(/DHCPACK/);
      await succeed("exec", "target", "kill", "-SEGV", "1");
      assert.equal(await shown(), before);
      assert.deepEqual(await restartsOf(host, "target"), ["SEGV"]);
      // The client renews as if nothing had been, and is a child of the agent's that is waited for.
      await server.said.expect(/DHCPREQUEST\(br0\)[^\n]*\n(.*\n)*?.*DHCPACK/);
      await succeed("exec", "--privileged", "target", "sh", "-c", "kill -9 $(pidof dhcpcd)");
      await server.said.expect(/DHCPDISCOVER/);
      await server.said.expect(/DHCPACK/);
      assert.equal(await shown(), before);
      await succeed("stop", "-t", "1", "target");
      await server.said.expect(/DHCPRELEASE\(br0\) 192\.0\.2\.5\d/);
    } finally {
      await succeed("rm", "-f", "target");
    }
  });

  it("tells the segment where its addresses are", async () => {
    const capture = segment.start("tcpdump", ["-l", "-n", "-i", "br0", "arp or icmp6"]);
    assert.ok(capture.stdout !== null && capture.stderr !== null);
    const started = new Watched(capture.stderr);
    await started.expect(/listening on/);
    const seen = new Watched(capture.stdout);
    const args = ["run", "--rm", "--network", `tap:tap0,mac=${MAC},ip=192.0.2.7/24,ip=2001:db8::7/64`];
    const { status } = await host.run([...args, DEMO_IMAGE, "sleep", "1"], { program: segment.vch });
    assert.equal(status, 0);
    await seen.expect(
      /ARP, (Request who-has 192\.0\.2\.7 .*tell 192\.0\.2\.7|Reply 192\.0\.2\.7 is-at 02:00:00:00:00:07)/,
    );
    assert.match(seen.text, /2001:db8::7 > ff02::1: ICMP6, neighbor advertisement, tgt is 2001:db8::7/);
    const ended = once(capture, "close");
    capture.kill();
    await ended;
  });
});

describe("the network user", () => {
  const host = useHost();
  const succeed = succeedOn(host);

  it("leads out, and in by the ports that are published at this machine's", async () => {
    const port = await freePort();
    const script = "httpd -p 80 -h /var/www; ip -o -4 addr show dev eth0; cat /etc/resolv.conf; sleep 1000";
    // The last two leave it to the hypervisor.
    const network = ["--network", "user", "-p", `127.0.0.1:${port}:80`, "-p", "127.0.0.1::80", "-p", "81"];
    const run = ["-v", "run", "-d", "--name", "user", ...network];
    const started = await host.run([...run, DEMO_IMAGE, "sh", "-c", script]);
    assert.equal(started.status, 0, started.stderr.toString());
    // Its template has a card, too, which is without a cable.
    assert.doesNotMatch(started.stderr.toString(), /no forked start/);
    try {
      const ports = await succeed("inspect", "-f", "{{json .NetworkSettings.Ports}}", "user");
      const { "80/tcp": reached = [], "81/tcp": others = [] } = JSON.parse(ports) as Record<
        string,
        Binding[]
      >;
      const [asked, chosen] = reached.map(({ HostPort }) => Number(HostPort));
      assert.equal(asked, port);
      assert.notEqual(chosen, port);
      assert.equal(others.length, 1);
      for (const each of [port, chosen ?? 0]) {
        const client = createConnection({ host: "127.0.0.1", port: each });
        client.end("GET / HTTP/1.0\r\n\r\n");
        assert.match(await text(client), /Served from a container VM/);
      }
      assert.match(await succeed("logs", "user"), /inet 10\.0\.2\.15\/24 .*nameserver 10\.0\.2\.3/s);
      const server = createServer((socket) => socket.end("from outside\n")).listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      assert.ok(address !== null && typeof address === "object");
      const answer = await succeed("exec", "user", "sh", "-c", `nc -w 5 10.0.2.2 ${address.port} </dev/null`);
      server.close();
      assert.equal(answer, "from outside\n");
      // That the port is taken is not the template's fault.
      const templates = host.templates();
      const second = await host.run(["run", "--rm", ...network, DEMO_IMAGE, "true"]);
      assert.equal(second.status, 125);
      assert.match(second.complaints.join("\n"), new RegExp(`127\\.0\\.0\\.1:${port}`));
      assert.notDeepEqual(templates, []);
      assert.deepEqual(host.templates(), templates);
    } finally {
      await succeed("rm", "-f", "user");
    }
  });
});

/** Docker's PortBinding. */
interface Binding {
  readonly HostIp: string;
  readonly HostPort: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  server.close();
  await once(server, "close");
  return address.port;
}
