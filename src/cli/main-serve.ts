import { join } from "node:path";
import { Endpoint, parseEndpointAddress, readTls } from "../endpoint/index.ts";
import { makeLog } from "./endpoint-log.ts";
import { runProgram } from "./program.ts";

// The entry point of a `vch` that can serve: all of vch, and the endpoint.
void runProgram(process.argv.slice(2), join(import.meta.dirname, "../.."), {
  Endpoint,
  parseEndpointAddress,
  readTls,
  makeLog,
});
