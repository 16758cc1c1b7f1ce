import { tether } from "../protocol/generated/control.js";
import { atLaunch, type ContainerComponents, MAIN_SESSION } from "./container-components.ts";
import { type HealthCheck, HealthMonitor, type HealthStatus } from "./health-monitor.ts";
import { Session } from "./session.ts";
import type { SessionSpecification } from "./session-specification.ts";

const { Status } = tether.control.HealthChanged;

/** control.proto's numbers. */
export const HEALTH_STATUS: Readonly<Record<HealthStatus, tether.control.HealthChanged.Status>> = {
  starting: Status.STARTING,
  healthy: Status.HEALTHY,
  unhealthy: Status.UNHEALTHY,
};

/** How a process is run that no client is to be attached to. */
const WITHOUT_CLIENTS = {
  tty: false,
  openStdin: false,
  startAfterAttach: false,
  holdOutput: false,
  makesWorkingDirectory: false,
} as const;

const NOBODY = { started: () => {}, ended: () => {}, failed: () => {} };

/**
 * Checks the container's health from now on, as its main process would, and reports each change.
 *
 * @returns undefined when it has no check; whoever calls it stops it.
 */
export function checkHealth(
  { main, health }: { readonly main: SessionSpecification; readonly health: HealthCheck | undefined },
  components: ContainerComponents,
): HealthMonitor | undefined {
  if (health === undefined) return undefined;
  const specification = { ...main, ...WITHOUT_CLIENTS, args: health.args };
  return new HealthMonitor(
    health,
    (started) => new Session(specification, atLaunch(components, undefined), { ...NOBODY, started }),
    (status) => components.report({ health: { status: HEALTH_STATUS[status] } }, MAIN_SESSION),
  );
}
