/** Set by the build (esbuild's `define`); a run from the sources has no version. */
declare const TETHER_VERSION: string | undefined;

/** The version of package.json that this agent was built from. */
export const AGENT_VERSION: string = typeof TETHER_VERSION === "string" ? TETHER_VERSION : "development";
