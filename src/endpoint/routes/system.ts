import { readdirSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { cpus, hostname, release, totalmem } from "node:os";
import { NEWEST, OLDEST } from "../http/api-version.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route } from "../http/router.ts";
import type { Parts } from "./parts.ts";

/** Clients and proxies are not to keep it. */
const PING_HEADERS = {
  "Content-Type": "text/plain; charset=utf-8",
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  Swarm: "inactive",
} as const;

/** What the endpoint and this machine are. */
export function systemRoutes(parts: Parts): Route[] {
  return [
    { method: "HEAD", path: "/_ping", answer: (exchange) => exchange.empty(200, PING_HEADERS) },
    { method: "GET", path: "/_ping", answer: ping },
    { method: "GET", path: "/version", answer: (exchange) => exchange.json(200, describeVersion(parts)) },
    {
      method: "GET",
      path: "/info",
      answer: async (exchange) => exchange.json(200, await describeInfo(parts)),
    },
  ];
}

function ping(exchange: Exchange): void {
  exchange.writeHead(200, { ...PING_HEADERS, "Content-Length": 2 }).end("OK");
}

function describeVersion({ version }: Parts): object {
  const api = { ApiVersion: NEWEST, MinAPIVersion: OLDEST };
  const machine = { Os: "linux", Arch: "amd64", KernelVersion: release() };
  return {
    Platform: { Name: "Tether" },
    Version: version,
    ...api,
    ...machine,
    GitCommit: "",
    GoVersion: "",
    BuildTime: "",
    Components: [{ Name: "Engine", Version: version, Details: { ...api, ...machine } }],
  };
}

async function describeInfo({ execution, metrics, version, root }: Parts): Promise<object> {
  const states = execution.list().map(({ state }) => state.status);
  const count = (...wanted: readonly string[]): number =>
    states.filter((each) => wanted.includes(each)).length;
  return {
    ID: readMachineId(),
    Containers: states.length,
    ContainersRunning: count("running", "restarting"),
    ContainersPaused: count("paused"),
    ContainersStopped: count("created", "exited", "dead"),
    Images: (await execution.images.list()).length,
    Driver: "qcow2",
    DriverStatus: [
      ["Free space", await freeSpace(root)],
      ["Images", "qcow2 snapshots of ext4 disks, one for each layer"],
      ["Containers", "qcow2 disks over their image's"],
    ],
    DockerRootDir: root,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "null"],
      Authorization: null,
      Log: ["json-file", "none"],
    },
    MemoryLimit: true,
    SwapLimit: false,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: false,
    CPUSet: false,
    PidsLimit: true,
    OomKillDisable: false,
    IPv4Forwarding: isSet("net/ipv4/ip_forward"),
    BridgeNfIptables: isSet("net/bridge/bridge-nf-call-iptables"),
    BridgeNfIp6tables: isSet("net/bridge/bridge-nf-call-ip6tables"),
    Debug: false,
    NFd: readdirSync("/proc/self/fd").length,
    // Goroutines are Go's.
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: "json-file",
    CgroupDriver: "cgroupfs",
    CgroupVersion: "2",
    NEventsListener: metrics.activeOn("/events"),
    KernelVersion: release(),
    OperatingSystem: operatingSystem(),
    OSVersion: "",
    OSType: "linux",
    Architecture: "x86_64",
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: { IndexConfigs: {}, InsecureRegistryCIDRs: [], Mirrors: [] },
    NCPU: cpus().length,
    MemTotal: totalmem(),
    HttpProxy: "",
    HttpsProxy: "",
    NoProxy: "",
    Name: hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: version,
    Runtimes: { tether: { path: "vch" } },
    DefaultRuntime: "tether",
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "",
    SecurityOptions: ["name=seccomp,profile=builtin"],
    Warnings: null,
  };
}

/** A switch of proc(5)'s `/proc/sys`; what this machine's kernel does not have is off. */
function isSet(name: string): boolean {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim() === "1";
  } catch {
    return false;
  }
}

/** For whoever is not root. */
async function freeSpace(folder: string): Promise<string> {
  const { bavail, bsize } = await statfs(folder);
  return `${((bavail * bsize) / 1e9).toFixed(1)} GB`;
}

/** machine-id(5); empty where there is none. */
function readMachineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return "";
  }
}

/** os-release(5). */
function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}
