import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CONFIGURATION_KEY,
  makeSealKey,
  parseSealKey,
  SEAL_KEY,
  sealText,
  splitText,
} from "../../../src/protocol/guestinfo/index.ts";

// write-keys.ts DOCUMENT FOLDER: writes what a VMware host sets before it powers a container VM on, a file for each
// key, as the emulator has them (emulator/keys.c).

const [document = "", folder = ""] = process.argv.slice(2);
const key = makeSealKey();
const text = sealText(readFileSync(document), parseSealKey(key) ?? Buffer.alloc(0));
for (const part of [{ key: SEAL_KEY, value: key }, ...splitText(CONFIGURATION_KEY, text)])
  writeFileSync(join(folder, part.key.replaceAll("/", "%2F")), part.value);
