import { TetherError } from "../protocol/errors/index.ts";
import { RESTART_POLICIES, type RestartPolicy } from "../portlayer/execution/index.ts";

/**
 * Docker's `--restart`: `no`, `always`, `unless-stopped`, `on-failure[:MAX]`.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [word = "", count, ...rest] = text.split(":");
  const name = RESTART_POLICIES.find((each) => each === (word || "no"));
  if (name === undefined || rest.length > 0)
    throw new TetherError("invalid-option", `invalid restart policy '${text}'`);
  if (count === undefined) return { name, maximumRetryCount: 0 };
  if (!/^\d{1,9}$/.test(count))
    throw new TetherError(
      "invalid-option",
      "invalid restart policy format: maximum retry count must be an integer",
    );
  if (name !== "on-failure" && Number(count) > 0)
    throw new TetherError(
      "invalid-option",
      `maximum retry count cannot be used with restart policy '${name}'`,
    );
  return { name, maximumRetryCount: Number(count) };
}
