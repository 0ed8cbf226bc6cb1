/**
 * Shows the progress of downloads: bars on a terminal, else a line per tenth, or JSON lines on stderr with `--json`.
 */

import { formatBytes, formatDuration, percent } from '../../base/text.ts';
import type { FileProgress } from '../../download/transfer/report.ts';
import { type Bars, progressBars } from '../../terminal/bars.ts';
import type { Context } from '../shell/context.ts';

export interface DownloadReporter {
  file(progress: FileProgress): void;
  close(): void;
}

export function downloadReporter(context: Context): DownloadReporter {
  const { out, flags } = context;
  if (flags.json) return jsonLines(out.talkJson);
  const bars = progressBars(context);
  return bars === undefined ? plainLines(out.talk) : barRows(bars);
}

/** Prints one JSON object per report, with the same facts as the bars. */
function jsonLines(talk: (value: unknown) => void): DownloadReporter {
  return { file: (progress) => talk({ type: 'progress', ...progress }), close: () => {} };
}

/** Least bytes of a file that gets lines per tenth: a smaller one would print more lines than it takes seconds. */
const WORTH_A_LINE = 4e6;

/** Prints a line when a stage begins, at each tenth, and for every note. */
function plainLines(talk: (text: string) => void): DownloadReporter {
  const last = new Map<string, { stage: string; tenth: number }>();
  return {
    file(progress) {
      const { name, stage, done, total, note } = progress;
      if (note !== undefined) return talk(`${name}: ${note}`);
      const tenth = total === undefined || total === 0 ? 0 : Math.floor((10 * done) / total);
      const before = last.get(name);
      if (before?.stage === stage && before.tenth >= tenth) return;
      last.set(name, { stage, tenth });
      if ((total ?? done) < WORTH_A_LINE) return;
      talk(`${name}: ${describe(progress)}`);
    },
    close: () => {},
  };
}

const stages = {
  waiting: 'waiting',
  reusing: 'looking at a copy',
  downloading: 'fetching',
  verifying: 'verifying',
  done: 'complete',
};

function describe(progress: FileProgress): string {
  const { stage, done, total, source, all } = progress;
  const place = all === undefined ? '' : `file ${all.file} of ${all.files}`;
  if (stage === 'done') return [`${stages.done}, ${formatBytes(done)}`, place].filter((text) => text !== '').join('  ');
  const share = total === undefined ? formatBytes(done) : `${shareOf(progress)} of ${formatBytes(total)}`;
  const where = stage === 'downloading' && source !== undefined ? `from ${source}` : '';
  return [stages[stage], share, speed(progress), where, place].filter((text) => text !== '').join('  ');
}

/** `12.3 MB/s, 4 min left`; empty in the first moments, when neither is known. */
function speed({ rate, left }: FileProgress): string {
  if (rate === undefined || rate <= 0) return '';
  return `${formatBytes(rate)}/s${left === undefined ? '' : `, ${formatDuration(left)} left`}`;
}

const shareOf = ({ done, total }: { done: number; total: number | undefined }) =>
  percent(done, Math.max(1, total ?? 1));

/**
 * Draws one bar for the current file and, when there are several files, one for all. Notes and finished files stay
 * above.
 */
function barRows(shown: Bars): DownloadReporter {
  return {
    file(progress) {
      const { name, stage, done, total, note, connections, source, all } = progress;
      if (note !== undefined) shown.note(`${name}: ${note}`);
      if (stage === 'done' && done >= WORTH_A_LINE) shown.note(`complete  ${formatBytes(done)}  ${name}`);
      const whole = Math.max(1, total ?? done);
      // Changing numbers come first, because a narrow terminal cuts the end.
      const words = [
        `${stages[stage].padEnd(9)} ${shareOf(progress).padStart(5)}`,
        formatBytes(total ?? done),
        speed(progress),
        name,
        source === undefined ? '' : `from ${source}`,
        connections > 1 ? `${connections} connections` : '',
      ];
      shown.set('file', done, whole, words.filter((part) => part !== '').join('  '));
      if (all === undefined) return;
      const share = all.total === undefined ? '' : shareOf(all);
      const sum = formatBytes(all.total ?? all.done);
      const text = `${'in all'.padEnd(9)} ${share.padStart(5)}  ${sum}  file ${all.file} of ${all.files}`;
      shown.set('all', all.done, Math.max(1, all.total ?? all.done), text);
    },
    close: () => shown.close(),
  };
}
