import type { SetupProgress } from '../../../engine/environment/setup.ts';
import { type Bars, progressBars } from '../../../terminal/bars.ts';
import type { Context } from '../../shell/context.ts';

export interface ProgressView {
  readonly show: (progress: SetupProgress) => void;
  readonly end: () => void;
}

/**
 * Shows the set-up's progress on stderr: a bar on a terminal, else a line for each new step and for every ten packages.
 */
export function setupProgress(context: Pick<Context, 'out' | 'flags' | 'env'>): ProgressView {
  const bars = progressBars(context);
  return bars === undefined ? lineView(context) : barView(bars);
}

function barView(bars: Bars): ProgressView {
  return {
    show({ item, done, total, detail }) {
      const count = total > 0 ? `${done} of ${total}  ` : '';
      bars.set('setup', done, Math.max(1, total), `${count}${detail === undefined ? item : `${item}: ${detail}`}`);
    },
    end: () => bars.close(),
  };
}

function lineView({ out }: Pick<Context, 'out'>): ProgressView {
  let last = { item: '', done: 0 };
  return {
    show({ item, done, total }) {
      if (item === last.item && done < last.done + 10) return;
      last = { item, done };
      out.talk(total > 0 ? `  ${item}  ${done} of ${total}` : `  ${item}`);
    },
    end: () => undefined,
  };
}
