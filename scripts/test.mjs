import { setUp } from "./set-up.mjs";
import { parseTestArguments } from "./test/arguments.mjs";
import { runCheckTools } from "./test/check-tools.mjs";
import { runSuite, suites } from "./test/mocha-suites.mjs";
import { closingLine, failureLines, sumTotals } from "./test/totals.mjs";

// `npm test [-- [-v] [--check] [--unit] [--vm] [--docker] [-g PATTERN]]`: set up what is missing, then run every
// test, or only those kinds. The last line on standard output is always the closing line.

const { verbose, kinds, passedOn, until } = parseTestArguments(process.argv.slice(2));
const results = [];
if (await setUp({ verbose, forTests: true, until })) {
  if (kinds.has("check")) results.push(await runCheckTools());
  if (kinds.has("unit")) results.push(await runSuite(suites.unit, passedOn));
  if (kinds.has("vm")) results.push(await runSuite(suites.vm, passedOn));
  if (kinds.has("docker")) results.push(await runSuite(suites.docker, passedOn));
} else {
  results.push({ passed: 0, failed: 1, skipped: 0 });
}
const totals = sumTotals(results);
process.stdout.write(`\n${[...failureLines(results), closingLine(totals)].join("\n")}\n`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
