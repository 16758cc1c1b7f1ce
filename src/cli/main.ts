import { join } from "node:path";
import { runProgram } from "./program.ts";

// The entry point: of the sources, and of the bundle in build/vch, which is as deep in the project's folder.
void runProgram(process.argv.slice(2), join(import.meta.dirname, "../.."));
