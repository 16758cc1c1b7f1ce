/** The errors of the product: one class, one catalogue of codes, shared by guest and host. */
export { ERROR_CATALOGUE, type CatalogueEntry, type ErrorCode } from "./catalogue.ts";
export { isErrorCode, TetherError } from "./tether-error.ts";
export { hasCode } from "./system-error.ts";
