/** Which signs beyond ASCII words may have: these, since a terminal without Unicode is given their twins. */

/** Every sign beyond ASCII that words are written with, and its twin. */
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

/** Words written with Unicode signs, made fit for a terminal that may have none. */
export function spell(text: string, { unicode }: { readonly unicode: boolean }): string {
  return unicode ? text : text.replace(SIGNS, (sign) => TWINS[sign] ?? sign);
}
