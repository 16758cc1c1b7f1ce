import assert from "node:assert/strict";
import type { ClientChannel } from "ssh2";
import { type AdoptedMachine } from "../../src/hypervisor/index.ts";
import { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import type { Event } from "../../src/protocol/control-messages.ts";
import { tether } from "../../src/protocol/generated/config.js";
import { ATTACH_COMMAND } from "../../src/protocol/link-names.ts";
import type { StartedMachine } from "./vm-machine.ts";
import { Watched } from "./vm-watched.ts";
import { machineDriver } from "./machine-driver.ts";

const HANDSHAKE_LIMIT_MS = 60_000;

/** A container VM whose process is a shell: it is asked, and its document is changed while it runs. */
export class ShellGuest {
  readonly #started: StartedMachine;
  document: tether.config.Config.$Properties;
  #questions = 0;

  constructor(started: StartedMachine) {
    this.#started = started;
    this.document = started.document;
  }

  /** The machine, for what is plugged. */
  adopt(): AdoptedMachine {
    const machine = machineDriver().adopt(this.#started.running);
    assert(machine !== undefined);
    return machine;
  }

  async use<T>(
    work: (guest: GuestConnection) => Promise<T>,
    onEvent: (event: Event) => void = () => {},
  ): Promise<T> {
    const limit = AbortSignal.timeout(HANDSHAKE_LIMIT_MS);
    const socket = await this.adopt().connectLink();
    const guest = await GuestConnection.open(socket, this.#started.keys, onEvent, limit);
    try {
      return await work(guest);
    } finally {
      guest.close();
    }
  }

  /** The first event of those that were and those that come that has what is asked for; waits for it. */
  async expectEvent<T>(pick: (event: Event) => T | null | undefined): Promise<T> {
    const came = Promise.withResolvers<T>();
    const look = (event: Event): void => {
      const picked = pick(event);
      if (picked !== null && picked !== undefined) came.resolve(picked);
    };
    return this.use(async (guest) => {
      const { events } = await guest.snapshot();
      for (const event of events ?? []) look(event);
      return Promise.race([came.promise, guest.closed.then(() => assert.fail("the guest has gone"))]);
    }, look);
  }

  /** What the container's shell prints, of both outputs. */
  ask(command: string): Promise<string> {
    return this.use(async (guest) => {
      const shell: ClientChannel = await guest.execute(`${ATTACH_COMMAND} 0 0`, undefined);
      const output = new Watched(shell);
      // An attachment begins with what the shell has said to the ones before.
      const number = (this.#questions += 1);
      shell.write(`echo begin ${number}; { ${command}\n} 2>&1; echo end ${number}\n`);
      const [, answer] = await output.expect(new RegExp(`begin ${number}\n(.*)end ${number}\n`, "s"));
      return answer ?? "";
    });
  }

  /** Sends the document with changes and the next generation; what was refused changes nothing of {@link document}. */
  async reload(changes: tether.config.Config.$Properties): Promise<string[]> {
    const next = { ...this.document, generation: (this.document.generation ?? 0) + 1, ...changes };
    const message = tether.config.Config.encode(next).finish();
    const { reloaded } = await this.use((guest) => guest.request({ reload: { document: message } }));
    this.document = next;
    return reloaded?.changes ?? [];
  }
}
