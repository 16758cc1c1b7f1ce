import { Command } from "commander";
import { addContainerOptions, type ContainerOptions, makeContainerRequest } from "../src/cli/run-options.ts";
import type { RunRequest } from "../src/portlayer/execution/index.ts";

/** The targets are for software emulation: a machine with KVM measures the same thing as one without. */
export const ACCELERATION = "tcg";

/**
 * What `vch run --rm --accel tcg IMAGE COMMAND` asks the port layer for.
 *
 * @param words more options of it.
 */
export function defaultRunRequest(
  image: string,
  command: readonly string[],
  words: readonly string[] = [],
): RunRequest {
  const parser = addContainerOptions(new Command()).helpOption(false);
  parser.parse(["--rm", "--accel", ACCELERATION, ...words], { from: "user" });
  const options = parser.opts<ContainerOptions>();
  return { ...makeContainerRequest(image, command, options, true), timeoutMs: undefined };
}
