import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { debianSshImage } from "../peers/debian-ssh-image.ts";
import { type Cipher, openGuestSshd } from "../peers/guest-sshd.ts";
import { execute } from "../session/exec.ts";
import { openSessionMachine, type SessionMachine } from "../session/session-machine.ts";
import { timeMs } from "../session/time.ts";
import { formatRange, median } from "../statistics.ts";

/** Of sshd's. */
const AT_LEAST = 0.5;

/** Some seconds for either. */
const STREAM_BYTES = 64 * 1024 * 1024;

const BYTES_PER_MEGABYTE = 1_000_000;

const CIPHERS = [
  "aes128-gcm@openssh.com",
  "chacha20-poly1305@openssh.com",
] as const satisfies readonly Cipher[];

/** Sends a stream from the guest: megabytes per second by what sends it. */
type Rates = Record<"ours" | Cipher, number[]>;

/**
 * The standard output of one process, from the guest to the host, against OpenSSH's sshd in the same container VM at
 * the end of another virtio-serial port, with the same client library and either of its fast ciphers.
 */
export async function measureAttachThroughput(host: BenchHost, rounds: number): Promise<Measurement> {
  const request = {
    image: await debianSshImage(host),
    command: ["sleep", "1000000"],
    options: ["--privileged"],
  };
  await using machine = await openSessionMachine(host, request);
  const rates: Rates = {
    ours: [],
    "aes128-gcm@openssh.com": [],
    "chacha20-poly1305@openssh.com": [],
  };
  for (let round = 0; round < rounds; round += 1) {
    host.signal.throwIfAborted();
    rates.ours.push(await rateOf((take) => execute(machine.connection, COMMAND, take)));
    for (const cipher of CIPHERS) rates[cipher].push(await rateOfSshd(machine, cipher));
    host.report(`attach-throughput ${round + 1}/${rounds}: ${describe(rates)}`);
  }
  const best = CIPHERS.reduce((a, b) => (median(rates[b]) > median(rates[a]) ? b : a));
  const note = `${describe(rates)}; ${STREAM_BYTES >> 20} MiB a round, ${formatRange(rates.ours, 1)} MB/s`;
  return {
    rows: [
      {
        label: "stdout of one attach against sshd in the VM",
        value: median(rates.ours) / median(rates[best]),
        limit: undefined,
        atLeast: AT_LEAST,
        unit: "×",
        note,
      },
    ],
    samples: rates,
  };
}

const COMMAND = ["head", "-c", String(STREAM_BYTES), "/dev/zero"] as const;

async function rateOfSshd(machine: SessionMachine, cipher: Cipher): Promise<number> {
  await using sshd = await openGuestSshd(machine, cipher);
  return await rateOf((take) => sshd.execute(COMMAND.join(" "), take));
}

/** @throws Error when not every byte comes. */
async function rateOf(run: (take: (chunk: Buffer) => void) => Promise<void>): Promise<number> {
  let bytes = 0;
  const elapsedMs = await timeMs(() => run((chunk) => void (bytes += chunk.length)));
  if (bytes !== STREAM_BYTES) throw new Error(`${bytes} bytes of ${STREAM_BYTES} came`);
  return bytes / BYTES_PER_MEGABYTE / (elapsedMs / 1000);
}

function describe(rates: Rates): string {
  return Object.entries(rates)
    .map(([name, values]) => `${name.replace("@openssh.com", "")} ${median(values).toFixed(1)} MB/s`)
    .join(", ");
}
