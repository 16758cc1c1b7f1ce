import { setUp } from "./set-up.mjs";
import { runCheckTools } from "./test/check-tools.mjs";

// `npm run check`: types, lint, format, dead code.

const isSetUp = await setUp({ until: "protocol" });
process.exitCode = isSetUp && (await runCheckTools()).failed === 0 ? 0 : 1;
