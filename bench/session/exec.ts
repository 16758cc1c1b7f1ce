import { randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import { Attachment, type GuestConnection } from "../../src/portlayer/interaction/index.ts";

/** Docker's ids: 64 hexadecimal digits. */
const ID_BYTES = 32;

/**
 * Executes a process over a warm connection and carries its output to its end: both requests are on their way at
 * once, as the port layer does it.
 *
 * @param take gets the standard output.
 * @throws Error unless it ended with 0.
 */
export async function execute(
  connection: GuestConnection,
  args: readonly string[],
  take: (chunk: Buffer) => void = () => {},
): Promise<void> {
  const id = randomBytes(ID_BYTES).toString("hex");
  const exec = { id, args: args.map((word) => Buffer.from(word)), startAfterAttach: true };
  const created = connection.request({ createExec: exec });
  const errors: Buffer[] = [];
  const attachment = new Attachment(
    { input: undefined, output: sink(take), errorOutput: sink((chunk) => errors.push(chunk)) },
    id,
  );
  const [, end] = await Promise.all([created, attachment.carry(connection, 0)]);
  const { code, signal } = attachment.exit ?? { code: -1, signal: 0 };
  if (end !== "drained" || code !== 0 || signal !== 0)
    throw new Error(
      `${args.join(" ")}: ${end}, ${code}, signal ${signal}: ${Buffer.concat(errors).toString()}`,
    );
}

function sink(take: (chunk: Buffer) => void): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      take(chunk);
      done();
    },
  });
}
