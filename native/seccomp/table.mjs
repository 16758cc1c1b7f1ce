// Makes the launcher's table of system calls out of the profile and the kernel's own numbers.
import { readFile } from "node:fs/promises";
import { RULES } from "./profile.mjs";

/** The architectures of a 64-bit x86 kernel, and where linux-libc-dev has their numbers. */
const ARCHITECTURES = [
  { name: "X86_64", header: "unistd_64.h" },
  { name: "I386", header: "unistd_32.h" },
  { name: "X32", header: "unistd_x32.h" },
];
const HEADERS = "/usr/include/x86_64-linux-gnu/asm";

/** What nobody listed gets; above the newest call of the profile ENOSYS, so that programs try an older one. */
const REFUSED = entry([], "EPERM");
const UNKNOWN = entry([], "ENOSYS");

/**
 * @param {string} [headers] folder of unistd_64.h and the others.
 * @returns {Promise<string>} C: one array of `struct call_range` for each architecture, sorted; each range
 *   reaches to the next one, the last one to the end of all numbers.
 * @throws Error when a name of the profile is no system call.
 */
export async function makeSeccompTable(headers = HEADERS) {
  const numbers = await Promise.all(
    ARCHITECTURES.map(async ({ header }) => parseNumbers(await readFile(`${headers}/${header}`, "utf8"))),
  );
  const entries = profileEntries();
  for (const call of entries.keys()) {
    if (!numbers.some((known) => known.has(call))) throw new Error(`seccomp: ${call} is no system call`);
  }
  const arrays = ARCHITECTURES.map(({ name }, i) => writeArray(name, rangesOf(numbers[i], entries)));
  return `/* Made by native/seccomp/table.mjs. */\n${arrays.join("")}`;
}

/** `#define __NR_read 0`; x32 writes `(__X32_SYSCALL_BIT + 0)`, and the bit is tested before the table is. */
function parseNumbers(header) {
  const lines = header.matchAll(/^#define __NR_(\w+) (?:\(__X32_SYSCALL_BIT \+ )?(\d+)\)?$/gm);
  return new Map([...lines].map(([, name, number]) => [name, Number(number)]));
}

/** @returns {Map<string, string>} the entry of each call. */
function profileEntries() {
  const entries = new Map();
  for (const { calls, capabilities = [], otherwise } of RULES) {
    const text = entry(capabilities, otherwise ?? (capabilities.length > 0 ? "EPERM" : "ALLOW"));
    for (const call of calls.trim().split(/\s+/)) {
      if (entries.has(call)) throw new Error(`seccomp: ${call} is in the profile twice`);
      entries.set(call, text);
    }
  }
  return entries;
}

function entry(capabilities, verdict) {
  const masks = capabilities.map((name) => `BIT(CAP_${name})`);
  return `${masks.length === 0 ? "0" : masks.join(" | ")}, VERDICT_${verdict}`;
}

function rangesOf(numbers, entries) {
  const known = new Map([...numbers].map(([name, number]) => [number, entries.get(name)]));
  const newest = Math.max(...[...known].filter(([, text]) => text !== undefined).map(([number]) => number));
  const ranges = [];
  for (let number = 0; number <= newest + 1; number++) {
    const text = number > newest ? UNKNOWN : (known.get(number) ?? REFUSED);
    if (ranges.at(-1)?.text !== text) ranges.push({ first: number, text });
  }
  return ranges;
}

function writeArray(name, ranges) {
  const lines = ranges.map(({ first, text }) => `    {${first}, ${text}},\n`);
  return `static const struct call_range ${name}_CALLS[] = {\n${lines.join("")}};\n`;
}
