import { type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { NetworkSegment } from "./network-segment.ts";
import { Watched } from "./vm-watched.ts";

/** Debian's dnsmasq as DHCP server and router of a segment; it says what it is asked and answers. */
export class DhcpServer implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly said: Watched;

  private constructor(process: ChildProcess, said: Watched) {
    this.#process = process;
    this.said = said;
  }

  /** @param options beside those that make it a server of this segment only. */
  static async start(segment: NetworkSegment, options: readonly string[]): Promise<DhcpServer> {
    const process = segment.start("dnsmasq", [
      ...["--no-daemon", "--conf-file=/dev/null", "--interface=br0", "--bind-interfaces", "--no-resolv"],
      ...["--no-hosts", "--no-ping", "--log-dhcp", "--dhcp-leasefile=/dev/null", "--leasefile-ro"],
      ...options,
    ]);
    if (process.stderr === null) throw new Error("its standard error is not there");
    const said = new Watched(process.stderr);
    await said.expect(/dnsmasq-dhcp: (DHCP.*range|IPv6 router)/);
    return new DhcpServer(process, said);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, "close");
    this.#process.kill("SIGTERM");
    await ended;
  }
}
