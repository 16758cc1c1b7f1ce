import { TetherError } from "../../protocol/errors/index.ts";
import { DEFAULT_LOG, type LogSettings } from "./container-settings.ts";
import { parseSize } from "./parse-size.ts";

/**
 * Docker's `--log-driver` (`json-file`, `local` and `none` are known) and `--log-opt` (`max-size`, `max-file`).
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function makeLogSettings(driver: string | undefined, options: readonly string[]): LogSettings {
  if (driver !== undefined && !["json-file", "local", "none"].includes(driver))
    throw new TetherError("invalid-option", `logger: no log driver named '${driver}' is registered`);
  const settings = { ...DEFAULT_LOG, isDisabled: driver === "none" };
  for (const option of options) {
    const [name = "", value = ""] = split(option);
    if (name === "max-size") settings.maxBytes = parseSize(value);
    else if (name === "max-file") settings.maxFiles = parseCount(value);
    else throw new TetherError("invalid-option", `unknown log opt '${name}' for json-file log driver`);
  }
  if (settings.maxFiles > 1 && settings.maxBytes === 0)
    throw new TetherError("invalid-option", "max-file cannot be set without max-size");
  return settings;
}

function split(option: string): string[] {
  const at = option.indexOf("=");
  if (at < 0) throw new TetherError("invalid-option", `invalid logging opt format: ${option}`);
  return [option.slice(0, at), option.slice(at + 1)];
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new TetherError("invalid-option", "max-file cannot be less than 1");
}
