import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { TetherError } from "../../protocol/errors/index.ts";

/** How a file is opened for QEMU. A log is only ever added to. */
const ACCESS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  append: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT,
} as const;

const SETS = "/dev/fdset/";

/** `read` by everybody (the last bit of three). */
const READABLE_BY_ALL = 0o004;

/** Files that are opened for a QEMU whose user could not open them itself, until it has inherited them. */
export class InheritedFiles implements Disposable {
  readonly #first: number;
  readonly #opened: number[] = [];
  readonly #names = new Map<string, string>();
  readonly #sets: number[] = [];

  /** @param first the number that the first of them has in QEMU. */
  constructor(first: number) {
    this.#first = first;
  }

  /** To be passed on, in this order. */
  get descriptors(): readonly number[] {
    return this.#opened;
  }

  /** QEMU's arguments for them. */
  get args(): readonly string[] {
    return this.#sets.flatMap((each) => ["-add-fd", `fd=${each},set=${each}`]);
  }

  /** The number of the set that a name of {@link file} stands for (QMP, remove-fd). */
  static setOf(name: string): number {
    return Number(name.slice(SETS.length));
  }

  /** @returns the name under which QEMU's disks and logs find the file (qemu(1), -add-fd). */
  file(path: string, access: keyof typeof ACCESS): string {
    const number = this.#open(path, ACCESS[access]);
    this.#sets.push(number);
    return this.#named(`${SETS}${number}`, path);
  }

  /**
   * @returns the name of what QEMU opens like any program: no folder above is passed, but the file itself must be readable.
   * @throws TetherError `hypervisor-failed` when it is not, and not {@link isGiven}.
   */
  path(path: string, isGiven = false): string {
    const number = this.#open(path, ACCESS.read);
    const { mode } = fstatSync(this.#opened.at(-1) ?? -1);
    if (!isGiven && (mode & READABLE_BY_ALL) === 0)
      throw new TetherError(
        "hypervisor-failed",
        `${path} cannot be read by container VMs, which run as users of their own: chmod a+r ${path}`,
      );
    return this.#named(`/proc/self/fd/${number}`, path);
  }

  /** QEMU's complaint, about the files by their own names. */
  explain(error: unknown): unknown {
    return renamed(error, [...this.#names]);
  }

  [Symbol.dispose](): void {
    for (const each of this.#opened.splice(0)) closeSync(each);
  }

  #open(path: string, flags: number): number {
    this.#opened.push(openSync(path, flags, 0o600));
    return this.#first + this.#opened.length - 1;
  }

  #named(name: string, path: string): string {
    this.#names.set(name, path);
    return name;
  }
}

/** An error with other names of files. */
export function renamed(error: unknown, names: readonly (readonly [string, string])[]): unknown {
  if (!(error instanceof TetherError)) return error;
  // The longest first: one may be the beginning of another.
  const sorted = names.toSorted(([one], [other]) => other.length - one.length);
  const message = sorted.reduce((text, [name, path]) => text.replaceAll(name, path), error.message);
  return message === error.message ? error : new TetherError(error.code, message, { cause: error });
}
