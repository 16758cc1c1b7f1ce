import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { debianSshImage } from "../peers/debian-ssh-image.ts";
import { openGuestSshd } from "../peers/guest-sshd.ts";
import { execute } from "../session/exec.ts";
import { openSessionMachine } from "../session/session-machine.ts";
import { timeEach } from "../session/time.ts";
import { formatRange, median } from "../statistics.ts";

/** Faster. */
const LIMIT = 1;

const SAMPLES_PER_ROUND = 20;

/** The first ones load code, on either side. */
const WARM_UP = 5;

const TRUE = "/bin/true";

/**
 * The round trip of an exec of /bin/true over a warm connection, against OpenSSH's sshd in the same container VM at
 * the end of another virtio-serial port, with the same client library and cipher. They take turns.
 */
export async function measureExecAgainstSshd(host: BenchHost, rounds: number): Promise<Measurement> {
  const request = {
    image: await debianSshImage(host),
    command: ["sleep", "1000000"],
    options: ["--privileged"],
  };
  await using machine = await openSessionMachine(host, request);
  await using sshd = await openGuestSshd(machine, "aes128-gcm@openssh.com");
  const ours = (): Promise<void> => execute(machine.connection, [TRUE]);
  const theirs = (): Promise<void> => sshd.execute(TRUE);
  for (const work of [ours, theirs]) await timeEach(WARM_UP, work);
  const samples: { ours: number[]; sshd: number[] } = { ours: [], sshd: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (let sample = 0; sample < SAMPLES_PER_ROUND; sample += 1) {
      host.signal.throwIfAborted();
      samples.ours.push(...(await timeEach(1, ours)));
      samples.sshd.push(...(await timeEach(1, theirs)));
    }
    host.report(`exec-against-sshd ${round + 1}/${rounds}: ${describe(samples)}`);
  }
  const value = median(samples.ours) / median(samples.sshd);
  const note = `${describe(samples)}; ${formatRange(samples.ours, 1)} against ${formatRange(samples.sshd, 1)} ms in ${samples.ours.length}`;
  return {
    rows: [{ label: "exec /bin/true, warm, against sshd in the VM", value, limit: LIMIT, unit: "×", note }],
    samples,
  };
}

function describe({ ours, sshd }: { readonly ours: number[]; readonly sshd: number[] }): string {
  return `${median(ours).toFixed(1)} ms, sshd ${median(sshd).toFixed(1)} ms`;
}
