import type { Execution, StartKind } from "../../portlayer/execution/index.ts";
import type { EndpointMetrics } from "../metrics/endpoint-metrics.ts";
import type { Execs } from "../sessions/execs.ts";
import type { Sessions } from "../sessions/sessions.ts";

/** What routes work with. */
export interface Parts {
  readonly execution: Execution;
  readonly sessions: Sessions;
  readonly execs: Execs;
  readonly metrics: EndpointMetrics;
  /** Of `vch`. */
  readonly version: string;
  /** The state folder. */
  readonly root: string;
  /** How the containers that it makes start. */
  readonly start: StartKind;
}
