/**
 * Shows the progress of a step on stderr, for steps that runs have too: bars on a terminal, else a line now and then.
 */
import { formatPace, unitWord } from '../../../../base/text.ts';
import type { StepTools } from '../../../../engine/events/step-tools.ts';
import { progressBars } from '../../../../terminal/bars.ts';
import type { Context } from '../../../shell/context.ts';

type Progress = Parameters<StepTools['progress']>[0];

/** Least milliseconds between two lines about the same item when there are no bars. */
const LINE_MS = 15_000;

export interface StepView {
  readonly tools: Omit<StepTools, 'signal'>;
  readonly end: () => void;
}

export function stepProgress(context: Context): StepView {
  const { out, flags } = context;
  const bars = progressBars(context);
  const last = new Map<string, number>();
  const line = (name: string, progress: Progress) => {
    const { done, total } = progress;
    const now = Date.now();
    const isEnd = total !== undefined && done >= total;
    if (flags.json || (!isEnd && now - (last.get(name) ?? 0) < LINE_MS)) return;
    last.set(name, now);
    out.talk(`  ${name}: ${words(progress)}`);
  };
  return {
    tools: {
      phase: (detail) => {
        if (!flags.json && detail !== undefined) out.talk(detail);
      },
      progress: (progress) => {
        const name = progress.item ?? '';
        if (bars === undefined) line(name, progress);
        else bars.set(name, progress.done, Math.max(1, progress.total ?? 1), `${name}  ${words(progress)}`);
      },
      note: ({ text }) => (bars === undefined ? out.talk(`! ${text}`) : bars.note(`! ${text}`)),
    },
    end: () => bars?.close(),
  };
}

/** The progress in words: `12 of 40 captions  0.5/s, 1 min left`. */
function words({ done, total, unit, rate, detail }: Progress): string {
  const count =
    unit === 'bytes' ? (detail ?? '') : `${done}${total === undefined ? '' : ` of ${total}`} ${unitWord(unit)}`;
  const pace = formatPace(rate, unit, total === undefined ? undefined : total - done);
  return pace === '' ? count : `${count}  ${pace}`;
}
