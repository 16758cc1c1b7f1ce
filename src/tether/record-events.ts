import { LOG_PORT_NAME } from "../protocol/link-names.ts";
import { MAIN_SESSION } from "../session/index.ts";
import type { EventLog } from "./event-log.ts";
import { LogPort } from "./log-port.ts";
import { LogWriter } from "./log-writer.ts";
import { findVirtioPort } from "./virtio-ports.ts";

/**
 * What happens to the main session goes to the log port as it happens, from the first on; and the ends of execs,
 * whose clients may have gone. What else there is to tell of execs, which are many, those do.
 *
 * @returns the log; undefined when the VM has no port for it.
 */
export function recordEvents(events: EventLog): LogWriter | undefined {
  const device = findVirtioPort(LOG_PORT_NAME);
  if (device === undefined) return undefined;
  const log = new LogWriter({ port: new LogPort(device) });
  events.subscribe((event) => {
    if (event.sessionId === MAIN_SESSION || event.exited) log.record(event);
  });
  return log;
}
