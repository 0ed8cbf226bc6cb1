/** Formats numbers and names for the page. Pure. */

/** A loss with four decimals, or more when it is very small. */
export const lossDigits = (loss: number): string =>
  Math.abs(loss) >= 0.001 || loss === 0 ? loss.toFixed(4) : loss.toExponential(2);

/** The name of a part for people: `unet.down` → `U-Net down`, `text_encoder_2` → `text encoder 2`. */
export const partTitle = (part: string): string =>
  part
    .replace(/^unet\.?/u, 'U-Net ')
    .replaceAll('_', ' ')
    .trim();

/** A value of run.yaml on one line. */
export function valueText(value: unknown): string {
  if (value === null) return 'off';
  if (value === '') return '(empty)';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.map(valueText).join(', ');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, inner]) => `${name}: ${valueText(inner)}`)
      .join(', ');
  return String(value);
}

const numberText = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.001 ? value.toExponential().replace('e-', 'e-') : String(value);
