import { formatBytes, formatPace } from '../../../base/text.ts';
import type { PackageBytes } from '../../../engine/environment/packages/meter.ts';
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

/**
 * The progress in words: `1.2 GB of 2.3 GB  25 MB/s  45 s left`. The total comes from a table, so the text says
 * `about`.
 */
function bytesText({ done, total, rate }: PackageBytes): string {
  const of = total === undefined ? '' : ` of about ${formatBytes(total)}`;
  const pace = formatPace(rate, 'bytes', total === undefined ? undefined : total - done);
  return `${formatBytes(done)}${of}${pace === '' ? '' : `  ${pace}`}`;
}

function barView(bars: Bars): ProgressView {
  return {
    show({ item, done, total, detail, bytes }) {
      if (bytes?.total !== undefined && bytes.done < bytes.total && done < total) {
        bars.set('setup', bytes.done, bytes.total, `${item}: ${bytesText(bytes)}`);
        return;
      }
      const count = total > 0 ? `${done} of ${total}  ` : '';
      bars.set('setup', done, Math.max(1, total), `${count}${detail === undefined ? item : `${item}: ${detail}`}`);
    },
    end: () => bars.close(),
  };
}

function lineView({ out }: Pick<Context, 'out'>): ProgressView {
  let last = { item: '', done: 0, tenth: 0 };
  return {
    show({ item, done, total, bytes }) {
      const tenth = bytes?.total === undefined ? 0 : Math.floor((bytes.done / bytes.total) * 10);
      const isNew = item !== last.item || done >= last.done + 10;
      if (bytes !== undefined && tenth > last.tenth) out.talk(`  ${item}  ${bytesText(bytes)}`);
      else if (isNew) out.talk(total > 0 ? `  ${item}  ${done} of ${total}` : `  ${item}`);
      last = isNew
        ? { item, done, tenth: Math.max(tenth, last.tenth) }
        : { ...last, tenth: Math.max(tenth, last.tenth) };
    },
    end: () => undefined,
  };
}
