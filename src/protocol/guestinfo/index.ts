/**
 * What a VMware host and the guest agree upon in guestinfo: the keys, how a long text is split over several, and how
 * the configuration is sealed. Pure functions: whoever reads and writes the keys is elsewhere.
 */
export * from "./keys.ts";
export { makeSealKey, openSealed, parseSealKey, SEALED_PREFIX, sealText } from "./sealed-text.ts";
export { isSplit, joinText, MOST_PARTS, PART_CHARACTERS, parseSplit, splitText } from "./split-text.ts";
