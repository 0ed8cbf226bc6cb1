/**
 * All signs beyond ASCII that the program may print. Each has a replacement in ASCII for terminals without Unicode.
 */

/** Every sign beyond ASCII that the program prints, and its replacement. */
const TWINS: Readonly<Record<string, string>> = {
  '×': 'x',
  '÷': '/',
  '·': '-',
  '…': '...',
  '≈': '~',
  '±': '+-',
  '→': '->',
  '←': '<-',
  '−': '-',
  '°': ' degrees',
  '²': '2',
  '³': '3',
  '’': "'",
  '“': '"',
  '”': '"',
  '‖': '|',
  Δ: 'd',
  '✖': 'x',
  '✔': 'v',
  '\ufffd': '?',
};
const SIGNS = new RegExp(`[${Object.keys(TWINS).join('')}]`, 'gu');

/** Replaces Unicode signs by ASCII when the terminal has no Unicode. */
export function spell(text: string, { unicode }: { readonly unicode: boolean }): string {
  return unicode ? text : text.replace(SIGNS, (sign) => TWINS[sign] ?? sign);
}
