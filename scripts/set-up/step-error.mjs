/** A step could not be carried out. The message is for the user; `output` is what the failing tool printed. */
export class StepError extends Error {
  /**
   * @param {string} message one line
   * @param {string} [output]
   */
  constructor(message, output = "") {
    super(message);
    this.name = "StepError";
    this.output = output;
  }
}
