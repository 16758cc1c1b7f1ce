import { once } from "node:events";
import { openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Client, ClientChannel, ParsedKey } from "ssh2";
import { decodeMessage, encodeRequest } from "../protocol/control-messages.ts";
import { tether } from "../protocol/generated/config.js";
import { DelimitedDecoder } from "../protocol/length-delimited.ts";
import {
  ATTACH_COMMAND,
  CONFIGURATION_VERSION,
  CONTROL_SUBSYSTEM,
  ENDPOINT_USER,
} from "../protocol/link-names.ts";
import { SSH_ALGORITHMS } from "../protocol/ssh-algorithms.ts";
import { type ContainerCgroup, ContainerSessions } from "../session/index.ts";
import type { System } from "../system/system.ts";
import { type Configuration, decodeConfiguration } from "./configuration/decode.ts";
import { ControlRequests } from "./control-requests.ts";
import { EventLog } from "./event-log.ts";

/** What the build hands in: ssh2's client half, which the agent itself does not contain. */
export interface WarmUpTools {
  readonly Client: new () => Client;
  readonly generateKey: () => { readonly private: string; readonly public: string };
  readonly parseKey: (key: string) => ParsedKey | Error;
}

/**
 * Runs what a start runs, in the build and without a VM, so that the code cache which is taken afterwards holds
 * the compiled form of every function that a start needs: a configuration, a session that ends, an SSH
 * handshake, a control request, an attachment.
 */
export async function warmUp(tools: WarmUpTools): Promise<void> {
  const hostKey = tools.generateKey();
  const clientKey = tools.generateKey();
  const configuration = await sampleConfiguration(hostKey.private, clientKey.public);
  const events = new EventLog();
  const system = idleSystem();
  const container = { namespace: 0, root: 0, cgroupProcesses: 0 };
  const sessions = new ContainerSessions(
    { main: configuration.session, ...configuration.life },
    {
      system,
      reaper: { exitOf: (pid) => Promise.resolve({ pid, code: 0, coreDumped: false }) },
      launcher: "/nowhere",
      openPty: () => ({ master: 0, slave: 0 }),
      cgroup: IDLE_CGROUP,
      container: () => container,
      renew: () => {},
      record: () => undefined,
      report: (body, sessionId) => events.record(body, sessionId),
    },
  );
  const { SshServer } = await import("./ssh-server.ts");
  const server = new SshServer(configuration.link, {
    control: new ControlRequests({
      agentVersion: "",
      sessions,
      processes: () => [],
      userName: () => "",
      events: (afterSequence) => events.after(afterSequence),
      stages: () => [],
      subscribe: (listener) => events.subscribe(listener),
      acknowledgeExit: () => {},
      powerOff: () => {},
      setClock: () => {},
      logRotated: () => {},
    }),
    sessions,
    services: undefined,
    holders: { add: () => () => {} },
  });
  const path = join(tmpdir(), `tether-warm-up-${process.pid}`);
  const listener = createServer((socket) => server.accept(socket)).listen(path);
  try {
    await once(listener, "listening");
    sessions.start();
    await talk(tools, path, clientKey.private);
    await sessions.ended;
  } finally {
    listener.close();
    rmSync(path, { force: true });
  }
}

/** A cgroup with nobody in it. */
const IDLE_CGROUP: ContainerCgroup = {
  kill: () => Promise.resolve(),
  freeze: () => Promise.resolve(),
  thaw: () => {},
  outOfMemoryKills: () => 0,
  onOutOfMemory: () => () => {},
  processes: () => [],
};

/** The endpoint's side of a start. */
async function talk(tools: WarmUpTools, path: string, privateKey: string): Promise<void> {
  const { createConnection } = await import("node:net");
  const client = new tools.Client();
  client.connect({
    sock: createConnection(path),
    username: ENDPOINT_USER,
    privateKey,
    algorithms: SSH_ALGORITHMS,
    hostVerifier: () => true,
  });
  await once(client, "ready");
  const control = await open((done) => client.subsys(CONTROL_SUBSYSTEM, done));
  control.write(encodeRequest({ id: 1, getSnapshot: {} }));
  const [reply] = (await once(control, "data")) as [Buffer];
  for (const bytes of new DelimitedDecoder().push(reply)) decodeMessage(bytes);
  control.write(encodeRequest({ id: 2, acknowledgeExit: {} }));
  await once(control, "data");
  const attached = await open((done) => client.exec(ATTACH_COMMAND, done));
  attached.resume();
  attached.stderr.resume();
  attached.end("input");
  await once(attached, "close");
  client.end();
  await once(client, "close");
}

function open(
  start: (done: (error: Error | undefined, channel: ClientChannel) => void) => void,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) =>
    start((error, channel) => (error === undefined ? resolve(channel) : reject(error))),
  );
}

function sampleConfiguration(hostKey: string, clientPublicKey: string): Promise<Configuration> {
  const document = tether.config.Config.encode({
    version: CONFIGURATION_VERSION,
    id: "0".repeat(64),
    name: "warm-up",
    hostname: "warm-up",
    link: { hostKey, clientPublicKey, acknowledgeTimeoutMs: 1000 },
    session: {
      args: [Buffer.from("/bin/true")],
      env: [Buffer.from("A=B")],
      workingDirectory: Buffer.from("/"),
      openStdin: true,
      stdinOnce: true,
      window: { columns: 80, rows: 24 },
    },
  }).finish();
  return decodeConfiguration(document);
}

/** A system on which a process starts, prints a line and ends. */
function idleSystem(): System {
  const nothing = (): void => {};
  const descriptor = (): number => openSync("/dev/null", "r+");
  const absent = (): never => {
    throw Object.assign(new Error("absent"), { code: "ENOENT" });
  };
  const stream = (): PassThrough => {
    const output = new PassThrough();
    setImmediate(() => output.end());
    return output;
  };
  return {
    mount: nothing,
    unmount: nothing,
    loadModule: nothing,
    readFwCfg: () => undefined,
    seedRandom: nothing,
    setClock: nothing,
    attachDeviceProgram: nothing,
    setHostname: nothing,
    setDomainname: nothing,
    sync: nothing,
    reboot: nothing,
    setInterfaceUp: nothing,
    spawn: () => 1,
    kill: nothing,
    pipe: () => [descriptor(), descriptor()],
    memoryFile: descriptor,
    changeOwner: nothing,
    setWindowSize: nothing,
    setRawMode: nothing,
    openInRoot: absent,
    listAttributes: () => new Uint8Array(),
    getAttribute: absent,
    setAttribute: nothing,
    setTimes: nothing,
    makeNode: nothing,
    seekData: () => undefined,
    seekHole: () => undefined,
    createMountNamespace: absent,
    bridgeDevice: absent,
    watchUevents: absent,
    replaceProcess: absent,
    peekChild: () => undefined,
    reapChild: () => undefined,
    keepDescriptor: nothing,
    closeOnExec: nothing,
    makeRing: descriptor,
    openRing: absent,
    makeInput: descriptor,
    openInput: absent,
    makeCrashRecord: descriptor,
    readCrashRecord: () => ({ count: 0, latest: [] }),
    installCrashHandler: nothing,
    restart: absent,
    uninterrupted: (work) => work(),
    adoptStream: stream,
  };
}
