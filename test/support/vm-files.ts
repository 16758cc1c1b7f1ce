import { existsSync, readdirSync, watch } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Waits until a file whose path below `folder` matches is there.
 *
 * @param unless rejects when this resolves first.
 * @returns its path.
 */
export async function waitForFile(
  folder: string,
  pattern: RegExp,
  unless: Promise<unknown>,
): Promise<string> {
  const existing = (): string | undefined => {
    const found = existsSync(folder)
      ? readdirSync(folder, { recursive: true }).find((name) => pattern.test(String(name)))
      : undefined;
    return found === undefined ? undefined : join(folder, String(found));
  };
  const found = Promise.withResolvers<string>();
  void unless.then(() => found.reject(new Error(`no ${String(pattern)} in ${folder}`)));
  // The folder itself may be made meanwhile.
  const watcher = watch(dirname(folder), { recursive: true }, () => {
    const path = existing();
    if (path !== undefined) found.resolve(path);
  });
  try {
    return existing() ?? (await found.promise);
  } finally {
    watcher.close();
  }
}
