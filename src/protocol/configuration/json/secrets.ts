/** What stands for a secret in a document that is shown. */
export interface Masked {
  /** The name of a variable, where the secret is its value; else true. */
  readonly masked: true | string;
}

/**
 * Fields that hold secrets, as `Message.field`: the link's key, what reseeds the guest's generators, files that the
 * document brings (Docker's secrets are such), and the values of the environment, where many keep their passwords.
 */
const SECRETS = new Set(["Link.host_key", "Config.random_seed", "FileContent.content", "Session.env"]);

/** The fields that {@link SECRETS} names as variables: their names are shown. */
const VARIABLES = new Set(["Session.env"]);

/** The reason for which a document that was shown so is not read back. */
export const MASKED = "is masked: it was shown without --show-secrets";

/** @param field as `Message.field`. */
export function isSecret(field: string): boolean {
  return SECRETS.has(field);
}

/** What is shown in place of a value of a field that is one. */
export function mask(field: string, value: unknown): Masked {
  if (!VARIABLES.has(field) || !(value instanceof Uint8Array)) return { masked: true };
  const [name = ""] = Buffer.from(value).toString().split("=", 1);
  return { masked: name };
}

/** Whether it stands for a secret that is not there. */
export function isMasked(value: unknown): value is Masked {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "masked");
}
