import { memo } from 'react';
import type { RunState } from '../../engine/events/run-state.ts';
import { seriesPoints } from '../../engine/events/series.ts';
import { chart, smooth } from '../../terminal/chart.ts';
import type { Style } from '../../terminal/style.ts';
import type { Line } from '../../terminal/styled.ts';
import { Lines } from './words.tsx';

export interface CurveProps {
  readonly state: RunState;
  /** Width in cells. */
  readonly columns: number;
  /** Height in rows, without the x axis. */
  readonly rows: number;
  readonly style: Style;
}

/** The curve of a run's loss. It is drawn again only when one of its properties changes. */
export const Curve = memo(function Curve(props: CurveProps) {
  return <Lines lines={curveLines(props)} style={props.style} />;
});

/** The smoothed loss of the whole run as a curve, with the validation losses as dots: `rows` + 1 lines. */
function curveLines({ state, columns, rows, style }: CurveProps): Line[] {
  const points = seriesPoints(state.loss);
  const line = smooth(points, Math.max(1, Math.min(40, points.length / 8)));
  // At first the axis covers a quarter of the run, so that the first steps are not a dot in a corner.
  const xMax = Math.max(1, state.step, state.steps / 4);
  const drawn = chart({ line, marks: seriesPoints(state.validation), xMax, columns, rows }, style);
  if (drawn.length > 0) return drawn;
  const word = style.dim(state.step === 0 ? '' : 'the curve comes with the next steps');
  return [word, ...new Array<string>(rows).fill('')];
}
