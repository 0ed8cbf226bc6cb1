/** Cuts a line with colours to a width, so that nothing ever wraps. */
import { truncate, width } from './columns.ts';
import { type Line, Styled } from './styled.ts';

/** At most `cells` wide; exactly that with `pad`. Colours that were on are switched off behind a cut. */
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
