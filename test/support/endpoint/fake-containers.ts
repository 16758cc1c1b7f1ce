import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import type {
  ContainerRequest,
  Execution,
  Image,
  ImageStore,
  KnownContainer,
} from "../../../src/portlayer/execution/index.ts";
import type { LocalStreams } from "../../../src/portlayer/interaction/index.ts";
import type { NewVolume, VolumeRecord } from "../../../src/portlayer/storage/index.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { containerRecord } from "../container-records.ts";
import { containerSettings } from "../container-settings.ts";

/** An image that says nothing. */
export const IMAGE: Image = {
  digest: `sha256:${"1".repeat(64)}`,
  disk: "/images/disk",
  diskSizeBytes: 1024,
  usedBytes: 512,
  layers: [],
  configuration: {
    entrypoint: [],
    command: ["/bin/true"],
    environment: ["PATH=/bin"],
    workingDirectory: "",
    user: "",
    stopSignal: undefined,
    architecture: "amd64",
    os: "linux",
    labels: {},
    exposedPorts: [],
    volumes: [],
    shell: [],
    health: undefined,
  },
};

/** What a fake process does with its streams; returns its exit status. */
export type FakeProcess = (streams: LocalStreams) => Promise<number>;

/** A line of a log. */
export interface FakeOutput {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  /** Only for whoever follows. */
  readonly isLater?: true;
}

const NEVER_RUN: KnownContainer["state"] = {
  status: "created",
  pid: undefined,
  health: undefined,
  restartCount: 0,
  isOutOfMemory: false,
  exit: undefined,
  finished: undefined,
};

/** Containers without machines, for the endpoint's routes: one image `demo`, and processes that tests write. */
export class FakeContainers {
  readonly requests: ContainerRequest[] = [];
  readonly calls: string[] = [];
  /** What was asked to be updated. */
  readonly changes: unknown[] = [];
  readonly #volumes = new Map<string, VolumeRecord>();
  readonly #known = new Map<string, KnownContainer>();
  readonly #folder: string;
  process: FakeProcess = () => Promise.resolve(0);
  /** In the place of the one image. */
  images: ImageStore | undefined;
  /** What each container has printed, by its name; and what it prints while its log is followed. */
  readonly printed = new Map<string, readonly FakeOutput[]>();
  readonly #waiting = new Map<string, (status: number) => void>();
  #count = 0;

  /** @param folder where each container gets its own. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  add(
    name: string,
    status: KnownContainer["state"]["status"],
    changes: Partial<ContainerRequest> = {},
  ): string {
    this.#count += 1;
    const id = String(this.#count).padStart(64, "a");
    const { tty = false, openStdin = false, stdinOnce = false, remove: autoRemove = false } = changes;
    const settings = containerSettings({ tty, openStdin, stdinOnce, autoRemove });
    const { found } = changes;
    const imageDigest = found === undefined ? {} : { imageDigest: found.digest };
    const record = containerRecord(id, { name, image: "demo", ...imageDigest, tty, settings });
    mkdirSync(join(this.#folder, id));
    this.#known.set(id, { record, state: { ...NEVER_RUN, status } });
    return id;
  }

  get execution(): Execution {
    const find = (reference: string): KnownContainer => {
      const all = [...this.#known.values()];
      const found = all.find(({ record }) => record.name === reference || record.id.startsWith(reference));
      if (found === undefined) throw new TetherError("no-such-container", `No such container: ${reference}`);
      return found;
    };
    const { printed } = this;
    const told =
      (call: string) =>
      async (reference: string): Promise<void> =>
        void this.calls.push(`${call} ${find(reference).record.name}`);
    const imagesOf = () =>
      this.images ?? {
        details: async () => ({ author: "", comment: "", dockerVersion: "", history: [] }),
        findNamed: async (name: string) => (name === "docker.io/library/demo:latest" ? IMAGE : undefined),
        list: async () => [{ image: IMAGE, names: ["docker.io/library/demo:latest"] }],
      };
    const fake = {
      get images() {
        return imagesOf();
      },
      containers: {
        find: (reference: string) => find(reference).record,
        folderOf: (id: string) => `${this.#folder}/${id}`,
        changeMarkOf: (id: string) => `${this.#folder}/${id}/changed`,
      },
      list: () => [...this.#known.values()],
      look: async (reference: string) => find(reference),
      create: async (request: ContainerRequest) => {
        this.requests.push(request);
        const name = request.name ?? "made";
        const id = this.add(name, "created", request);
        return find(id).record;
      },
      start: async (id: string) => {
        this.calls.push(`start ${find(id).record.name}`);
        this.#set(id, "running");
        return true;
      },
      startAttached: async (
        id: string,
        streams: LocalStreams,
        { onRunning }: { onRunning: (signal: unknown) => void },
      ) => {
        this.calls.push(`start attached ${find(id).record.name}`);
        this.#set(id, "running");
        onRunning(undefined);
        const status = await this.process(streams);
        this.#end(id, status);
        return status;
      },
      attach: async (id: string, streams: LocalStreams, { detach }: { detach: AbortSignal }) => {
        this.calls.push(`attach ${find(id).record.name}`);
        const ended = this.process(streams).then((status) => ({ kind: "exited", status }));
        return Promise.race([ended, once(detach, "abort").then(() => ({ kind: "detached" }))]);
      },
      logs: async function* (this: void, id: string, { follows }: { follows: boolean }) {
        for (const { stream, text, isLater } of printed.get(find(id).record.name) ?? [])
          if (follows || isLater !== true)
            yield {
              stream,
              data: Buffer.from(text),
              time: { seconds: 0, nanoseconds: 0 },
              isLineStart: true,
            };
      },
      exec: async (
        _id: string,
        _request: unknown,
        streams: LocalStreams,
        { onRunning, detach }: { onRunning: (signal: unknown, pid: number) => void; detach: AbortSignal },
      ) => {
        onRunning(undefined, 77);
        const ended = this.process(streams).then((status) => ({ kind: "exited", status }));
        return Promise.race([ended, once(detach, "abort").then(() => ({ kind: "detached" }))]);
      },
      wait: (reference: string) => {
        const { record, state } = find(reference);
        if (state.status !== "running") return Promise.resolve(state.exit?.code ?? 0);
        return new Promise<number>((resolve) => this.#waiting.set(record.id, resolve));
      },
      inspect: async (reference: string) => ({
        Id: find(reference).record.id,
        Config: { Cmd: ["sh"], Env: ["A=b"], Entrypoint: null, Hostname: "box", User: "", Tty: true },
      }),
      writeLayer: async (reference: string, file: string, { pauses }: { pauses: boolean }) => {
        this.calls.push(`layer of ${find(reference).record.name}${pauses ? ", paused" : ""}`);
        writeFileSync(file, "a layer");
      },
      tell: ({ name }: { name: string }, action: string) => void this.calls.push(`told ${action} of ${name}`),
      tellImage: (_image: Image, action: string, id: string) =>
        void this.calls.push(`told ${action} of ${id}`),
      sizeOf: () => ({ writtenBytes: 4096, totalBytes: 4608 }),
      useOfVolume: () => ({ bytes: 8192, references: 1 }),
      stop: async (reference: string) => find(reference).state.status === "running",
      resumeContainers: () => Promise.resolve(true),
      update: async (_id: string, changes: unknown) => void this.changes.push(changes),
      listVolumes: () => [...this.#volumes.values()],
      findVolume: (name: string) => this.#findVolume(name),
      createVolume: async (volume: NewVolume) => {
        const created = "2026-01-01T00:00:00.000Z";
        const record = { ...volume, version: 1 as const, name: volume.name ?? "made", created };
        this.#volumes.set(record.name, record);
        return record;
      },
      removeVolume: (name: string) => void this.#volumes.delete(this.#findVolume(name).name),
      pause: told("pause"),
      kill: told("kill"),
      remove: async (reference: string) => {
        this.#known.delete(find(reference).record.id);
      },
    };
    return fake as unknown as Execution;
  }

  #findVolume(name: string): VolumeRecord {
    const volume = this.#volumes.get(name);
    if (volume === undefined) throw new TetherError("no-such-volume", `get ${name}: no such volume`);
    return volume;
  }

  #set(id: string, status: KnownContainer["state"]["status"]): void {
    const known = this.#known.get(id);
    if (known !== undefined) this.#known.set(id, { ...known, state: { ...known.state, status } });
    this.#writeRecord(id);
  }

  /** Whoever waits for a container watches its folder. */
  #writeRecord(id: string): void {
    writeFileSync(join(this.#folder, id, "changed"), "");
  }

  #end(id: string, code: number): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#waiting.get(id)?.(code);
    if (known.record.settings?.autoRemove === true) this.#known.delete(id);
    else
      this.#known.set(id, {
        ...known,
        state: { ...known.state, status: "exited", exit: { code, signal: 0 } },
      });
  }
}

/** Writes, and waits until it has been taken. */
export function say(output: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(Buffer.from(text), (error) => (error ? reject(error) : resolve()));
  });
}
