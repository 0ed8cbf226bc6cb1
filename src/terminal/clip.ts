/** Cuts a line with colours to a width, so that the terminal never wraps it. */
import { truncate, width } from './columns.ts';
import { type Line, Styled } from './styled.ts';

/** The line cut to `cells` cells, and with `pad` filled up to exactly that. Colours are switched off behind the cut. */
export function clipLine(line: Line, cells: number, pad = false): Styled {
  const whole = Styled.of(line);
  const total = whole.width;
  if (total <= cells) return pad ? Styled.joined([whole, ' '.repeat(cells - total)]) : whole;
  const kept: Styled[] = [];
  let used = 0;
  let coloured = false;
  for (const { text, on, off } of whole.spans) {
    const part = truncate(text, cells - used, '');
    used += width(part);
    coloured ||= on !== '';
    kept.push(Styled.painted(part, on, off));
    if (part !== text) break;
  }
  if (coloured) kept.push(Styled.painted('', '', '0'));
  return Styled.joined(pad ? [...kept, ' '.repeat(cells - used)] : kept);
}
