import type { RouteConfiguration } from "./configuration.ts";

/** What a server has given to a vNIC. */
export interface Lease {
  readonly family: 4 | 6;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
  readonly routes: readonly RouteConfiguration[];
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}
