import { formatRate } from '../../base/text.ts';
import { formatWhen } from '../../base/when.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import { seriesPoints } from '../../engine/events/series.ts';
import type { Style } from '../../terminal/style.ts';
import { type Line, styled } from '../../terminal/styled.ts';
import type { RunAbout } from './about.ts';
import { lossText } from './parts.ts';
import { Ends, Words } from './words.tsx';

export interface ProgressProps {
  readonly state: RunState;
  readonly about: RunAbout;
  /** Seconds since 1970. */
  readonly now: number;
  readonly style: Style;
}

/** The progress of the run. */
export function Progress({ state, about, now, style }: ProgressProps) {
  const { latest, steps, step, startedAt } = state;
  const epochs = about.epochs === undefined ? '' : ` of ${about.epochs}`;
  const parts = [
    `step ${step} of ${steps}`,
    latest === undefined ? undefined : `epoch ${latest.epoch}${epochs}`,
    latest?.images_per_second ? formatRate(latest.images_per_second, 'images') : undefined,
    startedAt === undefined ? undefined : `started ${formatWhen(startedAt, new Date(now * 1000))}`,
  ];
  return <Words line={parts.filter(Boolean).join(` ${style.glyph.dot} `)} style={style} />;
}

export type FiguresProps = Pick<ProgressProps, 'state' | 'about' | 'style'>;

/**
 * Loss, validation, learning rate. The words have the colours of the curve and its marks, so that no legend is needed.
 */
export function Figures({ state, about, style }: FiguresProps) {
  const { smoothedLoss, latest } = state;
  if (latest === undefined || smoothedLoss === undefined)
    return (
      <Words
        line={style.dim('First pictures and loss without the LoRA, to compare with; then step 1.')}
        style={style}
      />
    );
  const rate = `lr ${(latest.lr_used ?? latest.lr).toExponential(1)}${about.schedule === undefined ? '' : `  ${about.schedule}`}`;
  const loss = styled`${style.accent('loss')} ${lossText(smoothedLoss)}${validationText(state, style)}`;
  return <Ends left={loss} right={style.dim(rate)} style={style} />;
}

function validationText({ validation, latestValidation }: RunState, style: Style): Line {
  if (latestValidation === undefined) return '';
  const { since_lowest: since } = latestValidation;
  // A change within two standard errors of the differences is not significant, whatever its sign.
  if (since !== undefined && Math.abs(since.change) <= 2 * since.stderr)
    return styled`   ${style.good('validation')} ${lossText(latestValidation.loss)} ${style.glyph.about} step ${since.step}`;
  const before = seriesPoints(validation).at(-2);
  const sign = before !== undefined && latestValidation.loss < before.y ? style.glyph.down : style.glyph.up;
  const trend = before === undefined ? '' : ` ${sign} since step ${before.x}`;
  return styled`   ${style.good('validation')} ${lossText(latestValidation.loss)}${trend}`;
}
