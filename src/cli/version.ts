/** Set by the build (esbuild's `define`). */
declare const TETHER_VERSION: string | undefined;

/** The version of package.json that this command was built from. */
export const VCH_VERSION: string = typeof TETHER_VERSION === "string" ? TETHER_VERSION : "development";
