/** Removes logins, tokens and signatures from addresses, so that an address can be shown and kept in a file. */

export interface AddressWithoutSecrets {
  readonly url: string;
  /** The parts that were removed, named without their values. */
  readonly left: readonly string[];
}

/** Names of query parameters that carry a login, a token or a signature. */
const SECRET_NAME =
  /token|secret|passw|^pw|pwd$|sig(nature)?$|^sig|api[-_]?key|(^|[-_])key|auth|credential|session|jwt|bearer|policy|^x-(amz|goog)-|expires|^code$|^s(p|r|t|e|v|ig|pr|ip|dd|kt|ke|ks|kv|koid|ktid)$/i;

/** A long word of mixed letters and digits is most likely a secret: file names hardly ever look like that. */
const SECRET_VALUE = /^(?=.*\d)(?=.*[a-z])[\w\-+/=~]{20,}$|^ey[\w-]+\.[\w-]+\./i;

/** The address without user, password, fragment, and parameters whose name or value looks secret. */
export function withoutSecrets(address: string): AddressWithoutSecrets {
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

/** An address that a person typed, without its secrets. A text that is no valid address loses its login too. */
export function shownAddress(text: string): string {
  if (URL.canParse(text) && /^https?:/i.test(text)) return withoutSecrets(text).url;
  return text.replace(/[?#].*$/s, '?…').replace(/^([a-z][\w+.-]*:\/*)?.*@/is, '$1…@');
}
