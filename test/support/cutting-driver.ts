import type { Socket } from "node:net";
import { Writable } from "node:stream";
import {
  type AdoptedMachine,
  type HypervisorDriver,
  type Machine,
  type MachineSpecification,
  type RunningMachine,
  type StartOptions,
} from "../../src/hypervisor/index.ts";
import { machineDriver } from "./machine-driver.ts";

/** Has real machines, and cuts the latest link to one whenever a further part of the output has arrived. */
export class CuttingDriver implements HypervisorDriver {
  readonly #driver = machineDriver();
  readonly #wanted: number;
  #socket: Socket | undefined;
  cuts = 0;

  /** @param wanted how often the link breaks. */
  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  async start(specification: MachineSpecification, options: StartOptions): Promise<Machine> {
    const machine = await this.#driver.start(specification, options);
    return {
      pid: machine.pid,
      ended: machine.ended,
      destroy: () => machine.destroy(),
      connectLink: async () => (this.#socket = await machine.connectLink()),
    };
  }

  adopt(running: RunningMachine): AdoptedMachine | undefined {
    const machine = this.#driver.adopt(running);
    if (machine === undefined) return undefined;
    const connect = machine.connectLink.bind(machine);
    machine.connectLink = async () => (this.#socket = await connect());
    return machine;
  }

  /** So many bytes of the output have arrived: the cuts are spread over all of them. */
  progress(bytes: number, total: number): void {
    if (this.cuts >= this.#wanted || bytes < ((this.cuts + 1) * total) / (this.#wanted + 1)) return;
    this.cuts += 1;
    this.#socket?.destroy();
  }
}

/** Keeps what is written to it. */
export class Collector extends Writable {
  readonly #chunks: Buffer[] = [];
  readonly #onProgress: (bytes: number) => void;
  #length = 0;

  /** @param onProgress is told how many bytes there are, whenever there are more. */
  constructor(onProgress: (bytes: number) => void = () => {}) {
    super();
    this.#onProgress = onProgress;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    this.#onProgress(this.#length);
    done();
  }
}
