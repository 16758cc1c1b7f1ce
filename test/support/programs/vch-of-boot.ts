import { runProgram } from "../../../src/cli/program.ts";

// `vch` as it would be in another project's folder: its boot medium is in FOLDER/build/boot.
const [folder = "", ...words] = process.argv.slice(2);
void runProgram(words, folder);
