/**
 * One process of the container, from launch to its last output byte: who it runs as, what it reads and
 * writes, how it ended, and the clients that are attached to it. Knows nothing of SSH.
 */
export type { ContainerHandles } from "./launcher.ts";
export {
  type Client,
  type Exit,
  Session,
  type SessionComponents,
  type SessionObserver,
  type SessionState,
} from "./session.ts";
export type { SessionSpecification } from "./session-specification.ts";
export type { OpenPty } from "./standard-streams.ts";
