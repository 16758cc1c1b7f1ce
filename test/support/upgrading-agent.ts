/**
 * An agent in miniature, for upgrade.test.ts: hands over to itself in another root, and does there what its argument
 * says. Whoever executes it is told by the environment why. Each prints a line of JSON.
 */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { constants as osConstants } from "node:os";
import {
  CRASH_VARIABLE,
  type CrashPlan,
  FATAL_SIGNALS,
  type Takeover,
  UPGRADE_VARIABLE,
} from "../../src/system/crash-plan.ts";
import { linux as system } from "../unit/system/linux.ts";

const MS_BIND = 4096;
const MS_REC = 16384;
const O_PATH = 0o10000000;

/** Longer than the second that the upgrade has. */
const BEYOND_LIMIT_MS = 2500;

const IMAGE = "/mnt/image";
/** Only the other root has it. */
const MARK = "/media/other-root";

const [scenario = ""] = process.argv.slice(2);
const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
const environment = Object.entries(process.env)
  .filter(([name]) => name !== CRASH_VARIABLE && name !== UPGRADE_VARIABLE)
  .map(([name, value]) => `${name}=${value ?? ""}`);
const plan: CrashPlan = {
  path: process.execPath,
  args: program,
  env: environment,
  signals: FATAL_SIGNALS,
  powersOff: false,
  atExit: true,
};

const upgrade = process.env[UPGRADE_VARIABLE];
say();
if (upgrade !== undefined) takeOver(JSON.parse(upgrade) as Takeover);
else if (process.env[CRASH_VARIABLE] === undefined) handOver();

function say(): void {
  const mounts = readFileSync("/proc/self/mounts", "utf8").trimEnd().split("\n").length;
  const facts = { reason: process.env[CRASH_VARIABLE], isOther: existsSync(MARK), pid: process.pid, mounts };
  writeSync(1, `${JSON.stringify(facts)}\n`);
}

function handOver(): void {
  system.mount("tmpfs", "/mnt", "tmpfs", 0, null);
  mkdirSync(IMAGE);
  system.mount("/", IMAGE, null, MS_BIND | MS_REC, null);
  system.mount("tmpfs", `${IMAGE}/media`, "tmpfs", 0, null);
  writeFileSync(`${IMAGE}${MARK}`, "");
  const oldRoot = openSync("/", O_PATH | constants.O_DIRECTORY);
  system.keepDescriptor(oldRoot);
  const takeover: Takeover = { oldRoot, image: IMAGE };
  system.installCrashHandler(plan);
  system.upgrade({
    root: openSync(IMAGE, O_PATH | constants.O_DIRECTORY),
    oldRoot,
    path: scenario === "is missing" ? "/none" : process.execPath,
    args: program,
    env: [...environment, `${CRASH_VARIABLE}=upgrade`, `${UPGRADE_VARIABLE}=${JSON.stringify(takeover)}`],
    limitS: 1,
  });
}

function takeOver({ oldRoot, image }: Takeover): void {
  system.closeOnExec(oldRoot);
  const signals = [...FATAL_SIGNALS, osConstants.signals.SIGALRM];
  system.installCrashHandler({ ...plan, signals, handBack: { root: oldRoot, path: process.execPath } });
  if (scenario === "aborts") process.abort();
  else if (scenario === "hangs") for (;;) continue;
  else if (scenario === "hangs where nothing may interrupt it") {
    system.uninterrupted(() => {
      for (;;) continue;
    });
  } else if (scenario === "cannot become the root") {
    try {
      system.settleUpgrade("/nowhere");
    } catch {
      // What counts is what comes next.
    }
    say();
    process.abort();
  } else {
    system.settleUpgrade(image);
    closeSync(openSync("/", "r"));
    say();
    const until = Date.now() + BEYOND_LIMIT_MS;
    while (Date.now() < until) continue;
    process.abort();
  }
}
