import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, ClientChannel, ParsedKey } from "ssh2";
import { decodeMessage, encodeRequest, type Request } from "../protocol/control-messages.ts";
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
import type { PacketCiphers } from "../system/packet-ciphers.ts";
import { decodeConfiguration } from "./configuration/decode.ts";
import { ControlRequests } from "./control-requests.ts";
import { EventLog } from "./event-log.ts";
import { LogWriter, type LogWriterComponents } from "./log-writer.ts";
import { reloadConfiguration } from "./reload.ts";
import { providePacketCiphers } from "./ssh2-addon.ts";
import { StateStore } from "./state-store.ts";
import { USUAL_INTERFACE, warmUpNetwork } from "./warm-up-network.ts";
import { USUAL_VOLUME, warmUpVolumes } from "./warm-up-volumes.ts";
import { WarmUpSystem } from "./warm-up-system.ts";

/** What the build hands in: ssh2's client half, which the agent itself does not contain. */
export interface WarmUpTools {
  readonly Client: new () => Client;
  readonly generateKey: () => { readonly private: string; readonly public: string };
  readonly parseKey: (key: string) => ParsedKey | Error;
  readonly packetCiphers: PacketCiphers;
}

/**
 * Runs what a container's life runs, in the build and without a VM, so that the code cache which is taken
 * afterwards holds the compiled form of every function that this needs: a configuration, an SSH handshake, requests,
 * a session with its log and its state, an exec, attachments, a stop and an exit.
 */
export async function warmUp(tools: WarmUpTools): Promise<void> {
  const hostKey = tools.generateKey();
  const clientKey = tools.generateKey();
  const documents = sampleDocuments(hostKey.private, clientKey.public);
  const configuration = await decodeConfiguration(encodeDocument(documents.usual));
  const events = new EventLog();
  const processes = new WarmUpSystem();
  const { system } = processes;
  const container = { namespace: 0, root: 0, cgroupProcesses: 0 };
  const folder = mkdtempSync(join(tmpdir(), "tether-warm-up-"));
  const store = new StateStore(system, folder);
  store.saveDocument(new Uint8Array());
  store.saveContainer(container);
  const log = new LogWriter({ port: LOG_PORT });
  log.configure(configuration.log);
  events.subscribe((event) => {
    store.addEvent(event, () => events.after(0));
    log.record(event);
  });
  const sessions = new ContainerSessions(
    { main: configuration.session, ...configuration.life },
    {
      system,
      reaper: processes,
      launcher: "/nowhere",
      openPty: () => ({ master: 0, slave: 0 }),
      cgroup: IDLE_CGROUP,
      container: () => container,
      renew: () => {},
      record: () => ({
        output: log.output("stdout", 0, (output) => store.saveLogged({ ...store.logged, output })),
        errorOutput: log.output("stderr", 0, (errorOutput) =>
          store.saveLogged({ ...store.logged, errorOutput }),
        ),
        outputOffset: 0,
        errorOutputOffset: 0,
      }),
      report: (body, sessionId) => events.record(body, sessionId),
      store,
    },
  );
  providePacketCiphers(tools.packetCiphers);
  await reloadConfiguration(encodeDocument(documents.usual), {
    document: encodeDocument(documents.bare),
    applyNetwork: ({ network }) => warmUpNetwork(system, join(folder, "network"), network),
    applyVolumes: ({ volumes }) => warmUpVolumes(system, join(folder, "volumes"), volumes),
    writeNames: () => {},
    limitCpus: () => {},
    limitProcesses: () => {},
    changeRestartPolicy: () => {},
    applied: (document) => store.saveDocument(document),
  });
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
      limitProcesses: () => {},
      limitCpus: () => {},
      reload: () => Promise.resolve([]),
      describeAgent: () => ({}),
      upgrade: () => Promise.reject(new Error("not here")),
      confirmUpgrade: () => {},
    }),
    sessions,
    services: undefined,
    holders: { add: () => () => {} },
  });
  const path = join(folder, "link");
  const listener = createServer((socket) => server.accept(socket)).listen(path);
  try {
    await once(listener, "listening");
    sessions.start();
    await talk(tools, path, clientKey.private);
    await sessions.ended;
    await log.flush();
  } finally {
    listener.close();
    rmSync(folder, { recursive: true });
  }
}

/** Not a file: it would be written by another thread, and not the same functions be used each time. */
const LOG_PORT: LogWriterComponents["port"] = { write: (_blocks, done) => void setImmediate(done) };

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
  const replies = new Replies(control);
  await replies.to({ id: 1, setClock: { time: { seconds: 1, nanoseconds: 0 } } });
  await replies.to({ id: 2, getSnapshot: {} });
  const attached = await attach(client, `${ATTACH_COMMAND} 0 0 hold`);
  await replies.to({
    id: 3,
    createExec: { id: EXEC, args: [Buffer.from("/bin/true")], startAfterAttach: true },
  });
  const exec = await attach(client, `${ATTACH_COMMAND} ${EXEC} 0 0 hold`);
  await exec.closed;
  await replies.to({ id: 4, stopSession: { defaultGrace: true } });
  await attached.closed;
  await replies.to({ id: 5, acknowledgeExit: {} });
  client.end();
  await once(client, "close");
}

/** Any exec's id. */
const EXEC = "0".repeat(64);

/** @returns resolves once the channel is closed. */
async function attach(client: Client, command: string): Promise<{ readonly closed: Promise<unknown> }> {
  const channel = await open((done) => client.exec(command, done));
  channel.resume();
  channel.stderr.resume();
  channel.end("input");
  return { closed: once(channel, "close") };
}

/** The answers on a control channel, between its events. */
class Replies {
  readonly #control: ClientChannel;
  readonly #waiting = new Map<number, () => void>();

  constructor(control: ClientChannel) {
    this.#control = control;
    const decoder = new DelimitedDecoder();
    control.on("data", (chunk: Buffer) => {
      for (const bytes of decoder.push(chunk)) this.#waiting.get(decodeMessage(bytes).reply?.id ?? 0)?.();
    });
  }

  async to(request: Request): Promise<void> {
    const answered = new Promise<void>((resolve) => this.#waiting.set(request.id ?? 0, resolve));
    this.#control.write(encodeRequest(request));
    await answered;
  }
}

function open(
  start: (done: (error: Error | undefined, channel: ClientChannel) => void) => void,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) =>
    start((error, channel) => (error === undefined ? resolve(channel) : reject(error))),
  );
}

/** A container without vNICs and volumes, and the same with them: one becomes the other in a reload. */
function sampleDocuments(
  hostKey: string,
  clientPublicKey: string,
): Readonly<Record<"bare" | "usual", tether.config.Config.$Properties>> {
  const bare = {
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
  };
  return { bare, usual: { ...bare, generation: 1, interfaces: [USUAL_INTERFACE], volumes: [USUAL_VOLUME] } };
}

function encodeDocument(document: tether.config.Config.$Properties): Uint8Array {
  return tether.config.Config.encode(document).finish();
}
