/** More of a message is for the log. */
const LONGEST_TEXT = 512;

/** Controls, what some take for a line's end (C1, U+2028, U+2029), and what turns text around (U+202A to U+202E, U+2066 to U+2069). */
const UNWANTED = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/gu;

/** Text that the container may have a hand in, on one line and bounded, so that it cannot pass for something else. */
export function cleanText(text: string): string {
  const whole = text.toWellFormed().replaceAll(UNWANTED, "?");
  const characters = Array.from(whole.slice(0, LONGEST_TEXT * 2 + 2));
  return characters.length <= LONGEST_TEXT ? whole : `${characters.slice(0, LONGEST_TEXT - 1).join("")}…`;
}
