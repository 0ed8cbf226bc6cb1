/** Addresses without what lets one in: fit to be shown, and to be kept in a file. */

export interface Bared {
  readonly url: string;
  /** What was left out, in words without its value. */
  readonly left: readonly string[];
}

/** Names of query parameters that carry a login, a token or a signature. */
const SECRET_NAME =
  /token|secret|passw|^pw|pwd$|sig(nature)?$|^sig|api[-_]?key|(^|[-_])key|auth|credential|session|jwt|bearer|policy|^x-(amz|goog)-|expires|^code$|^s(p|r|t|e|v|ig|pr|ip|dd|kt|ke|ks|kv|koid|ktid)$/i;

/** Long words of letters and digits mixed are hardly ever a file's name. */
const SECRET_VALUE = /^(?=.*\d)(?=.*[a-z])[\w\-+/=~]{20,}$|^ey[\w-]+\.[\w-]+\./i;

/** The address without user, password, fragment, and parameters that are secrets by name or by look. */
export function withoutSecrets(address: string): Bared {
  const url = new URL(address);
  const left: string[] = [];
  if (url.username !== '' || url.password !== '') left.push('the login before the @');
  url.username = '';
  url.password = '';
  url.hash = '';
  for (const [name, value] of [...url.searchParams])
    if (SECRET_NAME.test(name) || SECRET_VALUE.test(value)) {
      url.searchParams.delete(name);
      left.push(`?${name}=`);
    }
  return { url: left.length === 0 && !address.includes('#') ? address : url.href, left };
}

/** Any text a person gave as an address, as it may be shown: also one that is none keeps its login to itself. */
export function shownAddress(text: string): string {
  if (URL.canParse(text) && /^https?:/i.test(text)) return withoutSecrets(text).url;
  return text.replace(/[?#].*$/s, '?…').replace(/^([a-z][\w+.-]*:\/*)?.*@/is, '$1…@');
}
