import { randomBytes } from "node:crypto";
import { closeSync, constants } from "node:fs";
import { createConnection, type Socket } from "node:net";
import {
  type ContainerHandles,
  type ContainerSessions,
  findLoginShell,
  lookUpUser,
  MAIN_SESSION,
  readContainerFile,
  type Session,
  type User,
} from "../session/index.ts";
import { CONTAINER_ROOT } from "../init/index.ts";
import type { System, WindowSize } from "../system/system.ts";
import type { ServedFiles } from "./archive-channel.ts";

/** A command or shell of a user of the container. */
export interface UserCommand {
  readonly user: string;
  /** Undefined: an interactive shell. */
  readonly command: string | undefined;
  /** `KEY=VALUE` that the client asks for. */
  readonly environment: readonly string[];
  /** With a terminal: its type and size. */
  readonly terminal: { readonly type: string; readonly window: WindowSize | undefined } | undefined;
}

/** What the agent does for a user of the container who comes with plain SSH. */
export class UserServices {
  readonly #system: System;
  readonly #sessions: ContainerSessions;
  readonly #container: () => ContainerHandles;

  constructor(system: System, sessions: ContainerSessions, container: () => ContainerHandles) {
    this.#system = system;
    this.#sessions = sessions;
    this.#container = container;
  }

  /** The container's files, for archives and SFTP. As with Docker, one that names no user gives nobody its files. */
  files(): ServedFiles {
    const { user } = this.#sessions.find(MAIN_SESSION).specification;
    const lookUp = (): User => this.#lookUp(user);
    return {
      system: this.#system,
      root: this.#container().root,
      disk: CONTAINER_ROOT,
      // Looked up when it is needed: of a user who does not exist everything else can be copied.
      get user() {
        return user === "" ? undefined : lookUp();
      },
    };
  }

  /**
   * Starts a command as sshd(8) does: by the user's own shell, in his home.
   *
   * @throws TetherError `user-not-found`, `conflict`.
   */
  start({ user, command, environment, terminal }: UserCommand): Session {
    const main = this.#sessions.find(MAIN_SESSION).specification;
    const { home } = this.#lookUp(user);
    const passwd = readContainerFile(this.#system, this.#container().root, "/etc/passwd");
    const shell = findLoginShell(user, passwd);
    const args = command === undefined ? [shell, "-l"] : [shell, "-c", command];
    const term = terminal === undefined ? [] : [`TERM=${terminal.type}`];
    return this.#sessions.createExec({
      id: randomBytes(32).toString("hex"),
      isPrivileged: false,
      specification: {
        ...main,
        args: args.map((word) => Buffer.from(word)),
        environment: [
          ...main.environment,
          ...[
            `USER=${user}`,
            `LOGNAME=${user}`,
            `HOME=${home}`,
            `SHELL=${shell}`,
            ...term,
            ...environment,
          ].map((variable) => Buffer.from(variable)),
        ],
        workingDirectory: Buffer.from(this.#isFolder(home) ? home : "/"),
        makesWorkingDirectory: false,
        user,
        tty: terminal !== undefined,
        openStdin: true,
        stdinOnce: true,
        window: terminal?.window,
        startAfterAttach: true,
        holdOutput: false,
      },
    }).session;
  }

  /** The container has no network of its own: what it reaches, the agent reaches. */
  connect(host: string, port: number): Socket {
    return createConnection({ host, port, allowHalfOpen: true });
  }

  /**
   * Connects to a socket in the container.
   *
   * @throws SystemCallError when there is none; its path cannot leave the container's root.
   */
  connectUnix(path: string): Socket {
    const descriptor = this.#system.openInRoot(this.#container().root, path, O_PATH, 0);
    const socket = createConnection({ path: `/proc/self/fd/${descriptor}`, allowHalfOpen: true });
    // connect(2) is called within createConnection: from then on the path is not needed.
    closeSync(descriptor);
    return socket;
  }

  #lookUp(user: string): User {
    const { root } = this.#container();
    const read = (path: string): string | undefined => readContainerFile(this.#system, root, path);
    return lookUpUser(user, read("/etc/passwd"), read("/etc/group"));
  }

  #isFolder(path: string): boolean {
    try {
      const flags = O_PATH | constants.O_DIRECTORY;
      closeSync(this.#system.openInRoot(this.#container().root, path, flags, 0));
      return true;
    } catch {
      // A home that is not there: sshd(8) goes to the root then.
      return false;
    }
  }
}

/** open(2); Node's constants lack it. */
const O_PATH = 0o10000000;
