/** The command: `node iso-build/build.ts --help`. */
import { buildBootMedium } from "./build-boot-medium.ts";
import { parseOptions, USAGE } from "./options.ts";

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
}

try {
  const command = parseOptions(process.argv.slice(2));
  if (command.kind === "help") process.stdout.write(USAGE);
  else await build(command.options);
} catch (error) {
  const reason = interrupted.signal.aborted ? interrupted.signal.reason : error;
  process.stderr.write(`iso-build: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  process.exitCode = 1;
}

async function build(options: Parameters<typeof buildBootMedium>[0]): Promise<void> {
  const onProgress = (step: string) => process.stderr.write(`iso-build: ${step}\n`);
  const manifest = await buildBootMedium({ ...options, signal: interrupted.signal, onProgress });
  for (const [name, { sizeBytes }] of Object.entries(manifest.files)) {
    process.stdout.write(`${name} ${sizeBytes}\n`);
  }
}
