import type { SetupProgress } from '../engine/environment/setup.ts';
import { neutralise } from '../engine/text.ts';
import type { GlobalFlags } from './context.ts';
import type { Output } from './output.ts';

export interface ProgressView {
  readonly show: (progress: SetupProgress) => void;
  readonly end: () => void;
}

/** The set-up's progress on stderr: a bar on a terminal, else a line when something new begins and every ten packages. */
export async function setupProgress(out: Output, flags: GlobalFlags): Promise<ProgressView> {
  const bar = process.stderr.isTTY && !flags.plain && process.env.TERM !== 'dumb';
  return bar ? barView() : lineView(out);
}

async function barView(): Promise<ProgressView> {
  const { SingleBar, Presets } = (await import('cli-progress')).default;
  const bar = new SingleBar(
    {
      format: '  {bar} {value}/{total}  {item}',
      clearOnComplete: true,
      hideCursor: true,
      barsize: 30,
      linewrap: false,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  bar.start(1, 0, { item: '' });
  return {
    show({ item, done, total, detail }) {
      const text = detail === undefined ? item : `${item}: ${detail}`;
      bar.setTotal(Math.max(1, total));
      bar.update(done, { item: neutralise(text).slice(0, Math.max(20, (process.stderr.columns ?? 80) - 50)) });
    },
    end: () => bar.stop(),
  };
}

function lineView(out: Output): ProgressView {
  let last = { item: '', done: 0 };
  return {
    show({ item, done, total }) {
      if (item === last.item && done < last.done + 10) return;
      last = { item, done };
      out.talk(total > 0 ? `  ${neutralise(item)}  ${done} of ${total}` : `  ${neutralise(item)}`);
    },
    end: () => undefined,
  };
}
