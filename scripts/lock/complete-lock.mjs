/**
 * A package-lock.json, as far as it matters here.
 *
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[],
 *   optionalDependencies?: Record<string, string> }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} Lock
 */

/**
 * Adds the packages that `npm install --package-lock-only` leaves out where the registry carries a tool's binaries
 * for some platforms only. `npm ci` refuses a lock without them, on every platform, and wants nothing of them
 * but their version: os, cpu and libc keep it from fetching them.
 *
 * @param {Lock} lock
 * @returns {Lock}
 */
export function completeLock(lock) {
  const packages = { ...lock.packages };
  for (const { dev, optionalDependencies = {} } of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const path = `node_modules/${name}`;
      const platform = platformOf(name);
      // Only what is named after a platform, and pinned; anything else that is missing is a real mistake.
      if (packages[path] !== undefined || platform === undefined || !/^\d/.test(version)) continue;
      packages[path] = { version, ...platform, ...(dev && { dev }), optional: true };
    }
  }
  return { ...lock, packages: Object.fromEntries(Object.entries(packages).sort(byPath)) };
}

/**
 * What `@scope/binding-linux-arm64-musl` and the like say about where they run.
 *
 * @param {string} name
 * @returns {Pick<LockedPackage, "os" | "cpu" | "libc"> | undefined}
 */
function platformOf(name) {
  const match =
    /[-/](?<os>aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(?<cpu>[a-z0-9]+)(?:-(?<abi>[a-z]+))?$/.exec(
      name,
    );
  if (match?.groups === undefined) return undefined;
  const { os = "", cpu = "", abi = "" } = match.groups;
  if (os !== "linux" || abi === "") return { os: [os], cpu: [cpu] };
  return { os: [os], cpu: [cpu], libc: [abi.startsWith("musl") ? "musl" : "glibc"] };
}

/**
 * npm's own order, so that a lock made elsewhere differs in nothing else.
 *
 * @param {[string, unknown]} first
 * @param {[string, unknown]} second
 */
function byPath([first], [second]) {
  return first.localeCompare(second, "en");
}
