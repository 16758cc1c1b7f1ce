import assert from "node:assert/strict";
import type { VmHost } from "./vm-host.ts";

/** @returns runs a `vch` that does what it should and has nothing to complain of, and gives what it prints. */
export function succeedOn(host: VmHost): (...args: string[]) => Promise<string> {
  return async (...args) => {
    const { status, stdout, complaints } = await host.run(args);
    assert.deepEqual([status, complaints], [0, []], args.join(" "));
    return stdout.toString();
  };
}

/** The fatal signals that the container's agents were ended by, in order, without their `SIG`. */
export async function restartsOf(host: VmHost, name: string): Promise<string[]> {
  const filters = ["--filter", `container=${name}`, "--filter", "event=agent_restart"];
  const text = await succeedOn(host)("events", "--since", "1h", "--until", "0s", ...filters);
  return [...text.matchAll(/ agent_restart .*reason=SIG([A-Z]+)/g)].map((match) => match[1] ?? "");
}
