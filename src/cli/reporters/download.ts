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
  const { stage, done, total, source } = progress;
  if (stage === 'done') return `${stages.done}, ${formatBytes(done)}`;
  const share = total === undefined ? formatBytes(done) : `${percent(progress)} of ${formatBytes(total)}`;
  const where = stage === 'downloading' && source !== undefined ? `from ${source}` : '';
  return [stages[stage], share, speed(progress), where].filter((text) => text !== '').join('  ');
}

/** `12.3 MB/s, 4 min left`; empty in the first moments. */
function speed({ rate, done, total }: FileProgress): string {
  if (rate === undefined || rate <= 0) return '';
  const left = total === undefined ? '' : `, ${formatDuration((total - done) / rate)} left`;
  return `${formatBytes(rate)}/s${left}`;
}

const percent = ({ done, total }: FileProgress) => `${Math.floor((100 * done) / Math.max(1, total ?? 1))} %`;

/** One bar for the file at work, notes above it; finished files leave a line each. */
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
  let current = '';
  // The library forgets what is logged after the last bar is gone, so finished files are told at the end.
  const finished: string[] = [];
  const cut = (text: string) => neutralise(text).slice(0, Math.max(20, (process.stderr.columns ?? 80) - 1));
  return {
    file(progress) {
      const { name, stage, done, total, note, connections } = progress;
      if (note !== undefined) multi.log(`${cut(`${name}: ${note}`)}\n`);
      if (stage === 'done') {
        if (bar !== undefined) multi.remove(bar);
        bar = undefined;
        if (done >= WORTH_A_LINE) finished.push(cut(`${name}: complete, ${formatBytes(done)}`));
        return;
      }
      const lanes = connections > 1 ? `${connections} connections` : '';
      const size = formatBytes(total ?? done);
      const text = neutralise([name, size, speed(progress), lanes].filter((part) => part !== '').join('  '));
      const payload = { stage: stages[stage].padEnd(9), share: percent(progress).padStart(5), text };
      if (current !== name && bar !== undefined) {
        multi.remove(bar);
        bar = undefined;
      }
      bar ??= multi.create(Math.max(1, total ?? 1), 0, payload);
      current = name;
      bar.setTotal(Math.max(1, total ?? 1));
      bar.update(Math.min(done, total ?? done), payload);
    },
    close() {
      multi.stop();
      for (const line of finished.splice(0)) process.stderr.write(`${line}\n`);
    },
  };
}
