/**
 * The keys of guestinfo, by which a VMware host and the guest find each other. VMware lets the guest write a key only
 * when it has no `/`.
 */

/** The configuration document as text: sealed (`sealed-text.ts`), split when it is long (`split-text.ts`). */
export const CONFIGURATION_KEY = "guestinfo.tether/config";
/** What the document was sealed with: 32 bytes as base64. The guest erases it as soon as it has read it. */
export const SEAL_KEY = "guestinfo.tether.key";
/** `accepted`: a document that is not sealed is taken too, although whoever runs in the VM can read it. */
export const PLAIN_KEY = "guestinfo.tether/plain";
/** The value of {@link PLAIN_KEY}. */
export const PLAIN_ACCEPTED = "accepted";
/** The whole record of what became of the container: JSON on one line. */
export const STATUS_KEY = "guestinfo.tether.status";
/** How the keys with statistics begin. */
export const STATISTICS_KEY = "guestinfo.tether.stats";
