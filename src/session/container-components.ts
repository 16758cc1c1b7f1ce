import type { EventBody } from "../protocol/control-messages.ts";
import type { ContainerCgroup } from "./container-cgroup.ts";
import type { OutputRecord, SavedProcess, SessionComponents } from "./session-components.ts";
import type { SessionStore } from "./session-store.ts";

/** The main session's id where an exec's would stand. */
export const MAIN_SESSION = "";

/** What the sessions need of the agent. */
export interface ContainerComponents extends Omit<SessionComponents, "container" | "record" | "save"> {
  readonly cgroup: ContainerCgroup;
  /** The container as it is now: a restart makes its namespace anew. */
  readonly container: () => SessionComponents["container"];
  /** Makes the container's namespace anew, once its last process is gone. */
  readonly renew: () => void | Promise<void>;
  /** Makes the record for the main session's output, once for each of its processes. */
  readonly record: () => OutputRecord | undefined;
  /** Is told everything that happens, in order. */
  readonly report: (body: EventBody, sessionId: string) => void;
  /** Undefined: nothing outlives a crash. */
  readonly store?: SessionStore;
}

/** A session's components, with the container as it is when the session's process is launched. */
export function atLaunch(
  components: ContainerComponents,
  record: OutputRecord | undefined,
  save?: (process: SavedProcess) => void,
): SessionComponents {
  return {
    ...components,
    record,
    save,
    get container() {
      return components.container();
    },
  };
}
