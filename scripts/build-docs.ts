import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { configurationReference } from "./docs/configuration-reference.ts";
import { dockerdReference } from "./docs/dockerd-reference.ts";
import { errorReference } from "./docs/error-reference.ts";
import { metricsReference } from "./docs/metrics-reference.ts";

// Writes the documents that are made from the code: `npm run docs`.

const folder = join(import.meta.dirname, "../docs/reference");
writeFileSync(join(folder, "errors.md"), errorReference());
writeFileSync(join(folder, "configuration.md"), configurationReference());
writeFileSync(join(folder, "metrics.md"), metricsReference());
writeFileSync(join(folder, "dockerd.md"), dockerdReference());
