/** The option with which an agent shows that it can take over: `--takes-over STATE_VERSION`. */
export const TRIAL_OPTION = "--takes-over";
