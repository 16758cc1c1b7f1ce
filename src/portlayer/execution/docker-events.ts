import { TetherError } from "../../protocol/errors/index.ts";
import type { ContainerEvent } from "./event-journal.ts";

/**
 * Docker's filters of events. Several of one name are alternatives, different names all count.
 *
 * @throws TetherError `invalid-option`.
 */
export function makeEventFilter(filters: readonly string[]): (event: ContainerEvent) => boolean {
  const values = new Map<string, string[]>();
  for (const filter of filters) {
    const at = filter.indexOf("=");
    const name = filter.slice(0, Math.max(0, at));
    if (at < 0) throw new TetherError("invalid-option", "bad format of filter (expected name=value)");
    if (!Object.hasOwn(FILTERS, name)) throw new TetherError("invalid-option", `Invalid filter '${name}'`);
    values.set(name, [...(values.get(name) ?? []), filter.slice(at + 1)]);
  }
  return (event) =>
    [...values].every(([name, wanted]) => wanted.some((value) => FILTERS[name]?.(event, value)));
}

const FILTERS: Readonly<Record<string, (event: ContainerEvent, value: string) => boolean>> = {
  type: ({ subject = "container" }, value) => value === subject,
  // `exec_start: sh -c …` and `health_status: healthy` go by their first word.
  event: ({ action }, value) => action === value || action.startsWith(`${value}:`),
  container: ({ subject, id, name }, value) =>
    subject === undefined && (name === value || (value !== "" && id.startsWith(value))),
  image: ({ subject, id, image, attributes }, value) =>
    subject === "image" ? id === value || attributes["name"] === value : image === value,
  volume: ({ subject, id }, value) => subject === "volume" && id === value,
  // There are none of these.
  network: () => false,
  scope: (_event, value) => value === "local",
  label: ({ attributes }, value) => {
    const [name = "", ...rest] = value.split("=");
    return Object.hasOwn(attributes, name) && (rest.length === 0 || attributes[name] === rest.join("="));
  },
};

/** An event as Docker's API has it (`GET /events`). */
export function toDockersEvent(event: ContainerEvent): object {
  const { timeMs, action, id, name, image, attributes, subject } = event;
  const time = { scope: "local", time: Math.floor(timeMs / 1000), timeNano: Math.round(timeMs * 1e6) };
  if (subject !== undefined) {
    // dockerd has the older form of images' events only.
    const older = subject === "image" ? { status: action, id } : {};
    return { ...older, Type: subject, Action: action, Actor: { ID: id, Attributes: attributes }, ...time };
  }
  return {
    status: action,
    id,
    from: image,
    Type: "container",
    Action: action,
    Actor: { ID: id, Attributes: { ...attributes, image, name } },
    ...time,
  };
}
