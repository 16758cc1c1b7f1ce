import type { Difference } from "../../support/docker-comparison.ts";

/** Every difference between dockerd and the endpoint that is meant, with its reason. */
export const DIFFERENCES: readonly Difference[] = [];
