import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { VCH } from "./vm-host.ts";

/** How a command in the namespace ended, with both of its outputs. */
export interface Said {
  readonly status: number;
  readonly output: string;
}

/**
 * A network segment of its own in a network namespace: a bridge, which is this machine's side of it, and TAP devices
 * for container VMs, whose `vch` and QEMU run in the namespace. Nothing of it is seen outside.
 */
export class NetworkSegment {
  readonly name: string;

  /** @param name of the namespace, unique on this machine. */
  constructor(name: string) {
    this.name = name;
  }

  /** @param addresses of the bridge. @param taps how many there are: `tap0` and so on. */
  open(addresses: readonly string[], taps: number): void {
    execFileSync("ip", ["netns", "add", this.name]);
    this.script(`
      ip link set lo up
      ip link add br0 type bridge
      ip link set br0 up
      ${addresses.map((each) => `ip addr add ${each} dev br0 ${each.includes(":") ? "nodad" : ""}`).join("\n")}
      for i in $(seq 0 ${taps - 1}); do
        ip tuntap add dev tap$i mode tap
        ip link set tap$i master br0 up
      done`);
  }

  /** Ends what still runs in it. */
  close(): void {
    const pids = execFileSync("ip", ["netns", "pids", this.name], { encoding: "utf8" }).split("\n");
    for (const pid of pids.filter((each) => each !== "")) process.kill(Number(pid), "SIGKILL");
    execFileSync("ip", ["netns", "del", this.name]);
  }

  /** The first words of a command that runs in the namespace. */
  get enter(): readonly string[] {
    return ["ip", "netns", "exec", this.name];
  }

  /** `program` of a call: a `vch` in the namespace. */
  get vch(): readonly string[] {
    return [...this.enter, VCH];
  }

  /** Runs a shell script to its end; a command that fails ends it with an error. */
  script(text: string): string {
    const args = [...this.enter.slice(1), "sh", "-ec", text];
    return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Runs a shell script to its end, however that is. */
  async ask(text: string): Promise<Said> {
    const child = this.start("sh", ["-c", text]);
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const status = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
    return { status, output };
  }

  /** Starts a program that goes on; the caller ends it. */
  start(program: string, args: readonly string[]): ChildProcess {
    return spawn("ip", [...this.enter.slice(1), program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  }
}

/** A segment for the tests of the surrounding `describe`. */
export function useSegment(name: string, addresses: readonly string[], taps: number): NetworkSegment {
  // Two runs at a time on one machine.
  const segment = new NetworkSegment(`${name}-${process.pid}`);
  before(() => segment.open(addresses, taps));
  after(() => segment.close());
  return segment;
}
