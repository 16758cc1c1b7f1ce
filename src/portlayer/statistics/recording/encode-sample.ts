import { encodeSampleMessage, type SampleMessage } from "../../../protocol/stats-messages.ts";
import type { Sample } from "../sample-shape.ts";

/** A whole sample as the message that `readSample` reads, encoded. */
export function encodeSample(sample: Sample): Uint8Array {
  return encodeSampleMessage(toMessage(sample));
}

function toMessage(sample: Sample): SampleMessage {
  // Both have the same fields but for a CPU's number, which is its name in a sample.
  const message: SampleMessage = Object.assign({}, sample as object);
  const { machineCpu } = sample;
  if (machineCpu?.cpus === undefined) return message;
  const cpus = machineCpu.cpus.map((each) => ({ ...each, cpu: Number(each.cpu) }));
  return Object.assign(message, { machineCpu: { ...machineCpu, cpus } });
}
