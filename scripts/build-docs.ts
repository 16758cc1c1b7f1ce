import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorReference } from "./docs/error-reference.ts";

// Writes the documents that are made from the code: `npm run docs`.

writeFileSync(join(import.meta.dirname, "../docs/reference/errors.md"), errorReference());
