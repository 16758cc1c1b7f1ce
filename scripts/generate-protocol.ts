import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { writeSchema } from "./protocol/write-schema.ts";

/**
 * Generates src/protocol/generated/NAME.js and NAME.d.ts from each proto/NAME.proto.
 *
 * And config-schema.js, which says what is in config.proto. Static modules need only `protobufjs/minimal`, which loads in under 1 ms where the full library takes 19.
 */
const root = join(import.meta.dirname, "..");
const target = join(root, "src/protocol/generated");

const options = [
  ...["--target", "static-module", "--wrap", "esm", "--es6", "--dts"],
  ...["--dependency", "protobufjs/minimal.js"],
  // Our 64-bit fields are counters and seconds; a number is exact up to 2^53.
  "--force-number",
  // Messages are made with create() and read by fields: the rest would only be code to load in the guest.
  ...["--no-convert", "--no-delimited", "--no-verify", "--no-typeurl", "--no-service", "--no-beautify"],
];

const importLine = 'import $protobuf from "protobufjs/minimal.js";\n';

/** --force-number changes only the types; at run time the reader makes numbers where it finds no Long. */
const numbersOnly = "$protobuf.util.Long = undefined;\n$protobuf.configure();\n";

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const file of readdirSync(join(root, "proto")).sort()) {
  if (file.endsWith(".proto")) generate(basename(file, ".proto"));
}
writeSchema(join(root, "proto/config.proto"), "tether.config", join(target, "config-schema"));

function generate(name: string): void {
  // Modules share protobufjs's table of roots, where the second would overwrite the first's `tether` namespace.
  const output = join(target, `${name}.js`);
  const own = ["--root", `tether-${name}`, "--out", output];
  const args = [
    join(root, "node_modules/protobufjs-cli/bin/pbjs"),
    ...options,
    ...own,
    join(root, "proto", `${name}.proto`),
  ];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`pbjs failed on ${name}.proto`);
  const code = readFileSync(output, "utf8");
  if (!code.includes(importLine))
    throw new Error(`pbjs no longer imports its runtime as expected: ${output}`);
  writeFileSync(output, code.replace(importLine, importLine + numbersOnly));
}
