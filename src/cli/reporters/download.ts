/** Progress of downloads: bars on a terminal, a line per tenth elsewhere, JSON lines on stderr with `--json`. */
import { MultiBar, type SingleBar } from 'cli-progress';
import type { FileProgress } from '../../engine/download/report.ts';
import { formatBytes, formatDuration, neutralise } from '../../engine/text.ts';
import type { Context } from '../context.ts';

export interface DownloadReporter {
  file(progress: FileProgress): void;
  close(): void;
}

export function downloadReporter({ out, flags }: Context): DownloadReporter {
  if (flags.json) return jsonLines(out.talk);
  const rich = process.stderr.isTTY === true && !flags.plain && process.env.TERM !== 'dumb';
  return rich ? bars() : plainLines(out.talk);
}

/** One JSON object per report: the same facts the bars show. */
function jsonLines(talk: (text: string) => void): DownloadReporter {
  return { file: (progress) => talk(JSON.stringify({ type: 'progress', ...progress })), close: () => {} };
}

/** Smaller files would say more lines than they take seconds. */
const WORTH_A_LINE = 4e6;

/** A line when a stage begins, at each tenth, and for every note. */
function plainLines(talk: (text: string) => void): DownloadReporter {
  const last = new Map<string, { stage: string; tenth: number }>();
  return {
    file(progress) {
      const { name, stage, done, total, note } = progress;
      if (note !== undefined) return talk(neutralise(`${name}: ${note}`));
      const tenth = total === undefined || total === 0 ? 0 : Math.floor((10 * done) / total);
      const before = last.get(name);
      if (before?.stage === stage && before.tenth >= tenth) return;
      last.set(name, { stage, tenth });
      if ((total ?? done) < WORTH_A_LINE) return;
      talk(neutralise(`${name}: ${describe(progress)}`));
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
  const share = total === undefined ? formatBytes(done) : `${percent(progress)} of ${formatBytes(total)}`;
  const where = stage === 'downloading' && source !== undefined ? `from ${source}` : '';
  return [stages[stage], share, speed(progress), where, place].filter((text) => text !== '').join('  ');
}

/** `12.3 MB/s, 4 min left`; empty in the first moments. */
function speed({ rate, left }: FileProgress): string {
  if (rate === undefined || rate <= 0) return '';
  return `${formatBytes(rate)}/s${left === undefined ? '' : `, ${formatDuration(left)} left`}`;
}

const percent = ({ done, total }: { done: number; total: number | undefined }) =>
  `${Math.floor((100 * done) / Math.max(1, total ?? 1))} %`;

/** One bar for the file at work and, of several, one for all; notes above them; finished files leave a line each. */
function bars(): DownloadReporter {
  const multi = new MultiBar({
    stream: process.stderr,
    // The library cuts lines to the width of the terminal and redraws after a resize.
    format: '{stage} {bar} {share}  {text}',
    barsize: 20,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    fps: 8,
    gracefulExit: false,
  });
  let bar: SingleBar | undefined;
  let allBar: SingleBar | undefined;
  // The library forgets what is logged after the last bar is gone, so finished files are told at the end.
  const finished: string[] = [];
  const cut = (text: string) => neutralise(text).slice(0, Math.max(20, (process.stderr.columns ?? 80) - 1));
  const draw = (old: SingleBar | undefined, done: number, total: number | undefined, payload: object): SingleBar => {
    const whole = Math.max(1, total ?? done);
    const now = old ?? multi.create(whole, 0, payload);
    now.setTotal(whole);
    now.update(Math.min(done, whole), payload);
    return now;
  };
  return {
    file(progress) {
      const { name, stage, done, total, note, connections, source, all } = progress;
      if (note !== undefined) multi.log(`${cut(`${name}: ${note}`)}\n`);
      if (stage === 'done' && done >= WORTH_A_LINE) finished.push(cut(`complete  ${formatBytes(done)}  ${name}`));
      const lanes = connections > 1 ? `${connections} connections` : '';
      const size = formatBytes(total ?? done);
      // What changes comes first: a narrow terminal cuts the end.
      const words = [size, speed(progress), lanes, name, source === undefined ? '' : `from ${source}`];
      const text = neutralise(words.filter((part) => part !== '').join('  '));
      const share = percent(progress).padStart(5);
      bar = draw(bar, done, total, { stage: stages[stage].padEnd(9), share, text });
      if (all === undefined) return;
      const files = `${all.file} of ${all.files} files`;
      const sum = all.total === undefined ? formatBytes(all.done) : formatBytes(all.total);
      allBar = draw(allBar, all.done, all.total, {
        stage: 'in all'.padEnd(9),
        share: all.total === undefined ? '     ' : percent(all).padStart(5),
        text: `${sum}  ${files}`,
      });
    },
    close() {
      multi.stop();
      for (const line of finished.splice(0)) process.stderr.write(`${line}\n`);
    },
  };
}
