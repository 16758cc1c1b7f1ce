/** RFC 1123, with the underscore that Windows' domains have. */
const DOMAIN = /^(?=.{1,253}$)\w([\w-]{0,61}\w)?(\.\w([\w-]{0,61}\w)?)*\.?$/;

/** Whether a text, which others have sent, is a name of a domain. */
export function isDomainName(text: string): boolean {
  return DOMAIN.test(text);
}
