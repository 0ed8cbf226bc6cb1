/** Parts that all screens of a run use: bars, losses, progress. Pure. */
import type { RunState } from '../../engine/events/run-state.ts';
import type { Style } from '../../terminal/style.ts';
import { type Styled, styled } from '../../terminal/styled.ts';

/** A bar of `cells` cells for a `share` from 0 to 1, exact to an eighth of a cell where the terminal has such signs. */
export function bar(share: number, cells: number, style: Style): Styled {
  const { full, empty, parts } = style.glyph;
  const exact = Math.min(1, Math.max(0, share)) * cells;
  const whole = Math.floor(exact);
  const part = parts.length === 0 ? '' : (parts[Math.floor((exact - whole) * 8) - 1] ?? '');
  const rest = cells - whole - (part === '' ? 0 : 1);
  return styled`${style.accent(full.repeat(whole) + part)}${style.dim((style.unicode ? '─' : empty).repeat(rest))}`;
}

/** The loss with three significant digits, and an exponent only where the number would be hard to read without. */
export function lossText(loss: number): string {
  if (!Number.isFinite(loss)) return String(loss);
  return loss >= 0.001 && loss < 1000 ? loss.toPrecision(3) : loss.toExponential(2);
}

/** The share of the steps that is done, from 0 to 1. */
export const stepsDone = ({ step, steps }: RunState) => (steps > 0 ? step / steps : 0);
