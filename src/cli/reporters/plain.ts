/**
 * Prints plain lines for pipes, CI and logs: the time first, one line for each event that matters, no cursor movement,
 * and at most one line of progress per tenth or minute.
 */

import {
  formatBytes,
  formatDuration,
  formatPace,
  formatRate,
  neutralise,
  percent,
  plural,
  unitWord,
} from '../../base/text.ts';
import { byHeartWords, neverWords } from '../../engine/events/image-losses.ts';
import { secondsLeft } from '../../engine/events/pace.ts';
import { probeNote } from '../../engine/events/probe.ts';
import { reduce } from '../../engine/events/reducer.ts';
import { initialState, type RunState, workedSeconds } from '../../engine/events/run-state.ts';
import type { Payload, RunEvent } from '../../engine/events/schema.ts';
import { metricWords, phaseWords, validationWords, verdictWords } from '../../engine/events/words.ts';
import type { Reporter } from './reporter.ts';

/** A line about progress, with the share that is done. */
interface Tick {
  /** Name of the activity; a new name starts a new count. */
  readonly of: string;
  readonly share: number | undefined;
  readonly done: boolean;
}

export function plainReporter(write: (line: string) => void): Reporter {
  let state: RunState = initialState;
  const due = progressGate();
  return {
    events(batch) {
      for (const event of batch) {
        state = reduce(state, event);
        const tick = tickOf(event, state);
        if (tick !== undefined && !due(tick, event.t)) continue;
        for (const [label, text] of describe(event, state)) write(formatLine(event.t, label, text));
      }
    },
  };
}

export function formatLine(t: number, label: string, text: string): string {
  const date = new Date(t * 1000);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':');
  return `${clock} ${neutralise(`${label.padEnd(8)} ${text}`)}`;
}

/** Lets the first line, the last line and one per tenth pass, and one per minute in between. */
function progressGate(): (tick: Tick, t: number) => boolean {
  let last: { of: string; tenth: number; t: number; done: boolean } | undefined;
  return ({ of, share, done }, t) => {
    const tenth = share === undefined ? 0 : Math.floor(share * 10 + 1e-9);
    const fresh = last === undefined || last.of !== of;
    const finished = done && last?.done !== true;
    const pass = fresh || finished || (last !== undefined && (tenth > last.tenth || t - last.t >= 60));
    if (pass) last = { of, tenth, t, done };
    return pass;
  };
}

function tickOf(event: RunEvent, state: RunState): Tick | undefined {
  if (event.type === 'step')
    return { of: `train ${state.attempt}`, share: event.step / state.steps, done: event.step >= state.steps };
  if (event.type !== 'progress') return undefined;
  const share = event.total === undefined || event.total === 0 ? undefined : event.done / event.total;
  return { of: `${event.phase} ${event.item ?? ''} ${event.unit}`, share, done: share !== undefined && share >= 1 };
}

type Line = readonly [label: string, text: string];

function describe(event: RunEvent, state: RunState): readonly Line[] {
  switch (event.type) {
    case 'run': {
      const again = event.attempt > 1 ? `, attempt ${event.attempt}` : '';
      return [['run', `${event.name}: ${plural(event.steps, 'step')}${again}`]];
    }
    case 'phase':
      // A later version may have phases that are unknown here.
      return [[event.phase, event.detail ?? phaseWords[event.phase]?.doing ?? event.phase]];
    case 'progress':
      return [[event.phase, progressText(event)]];
    case 'note':
      return [noteLine(event)];
    case 'start':
      return event.step > 0 ? [['train', `goes on at step ${event.step} of ${event.steps}`]] : [];
    case 'step':
      return [['train', stepText(event, state, event.t)]];
    case 'validation':
      return [['check', `step ${event.step}: validation loss ${validationWords(event)}`]];
    case 'metric':
      return [['metric', `step ${event.step}: ${metricWords(event.values)}`]];
    case 'checkpoint':
      return [['saved', `checkpoint at step ${event.step}${event.best === true ? ' (best so far)' : ''}`]];
    case 'saved':
      return [
        [
          'saved',
          `${event.path}  ${formatBytes(event.bytes)}${event.best === true ? ` (best: step ${event.step})` : ''}`,
        ],
      ];
    case 'sample':
      return [['sample', `${event.path}${event.adapter ? '' : ' (without the LoRA)'}`]];
    case 'sample_failed':
      return [['warning', `no sample at step ${event.step}: ${event.reason}`]];
    case 'learned':
      return [['learned', learnedText(event)]];
    case 'probe':
      return [noteLine(probeNote(event))];
    case 'image_losses':
      return imageLines(event);
    case 'output':
      return [['output', `${event.path}  ${formatBytes(event.bytes)}  SHA-256 ${event.sha256}`]];
    case 'exit':
      return [[event.status, exitText(event, state)]];
    default:
      return [];
  }
}

const noteLine = ({ level, text }: Payload<'note'>): Line => [level === 'warn' ? 'warning' : 'note', text];

function imageLines(event: Payload<'image_losses'>): readonly Line[] {
  const [never, known] = [neverWords(event), byHeartWords(event)];
  return [
    ...(never === undefined ? [] : [['warning', `never learned: ${never}`] as const]),
    ...(known === undefined ? [] : [['note', `known by heart: ${known}`] as const]),
    ...(never === undefined && known === undefined
      ? [['note', `all of ${plural(event.images, 'picture')} measured were learned, none by heart`] as const]
      : []),
  ];
}

function progressText({ item, unit, done, total, rate, detail }: Payload<'progress'>): string {
  const amount = (n: number) => (unit === 'bytes' ? formatBytes(n) : String(n));
  const of = total === undefined ? '' : ` of ${amount(total)}`;
  const count = unit === 'bytes' ? `${amount(done)}${of}` : `${amount(done)}${of} ${unitWord(unit)}`;
  const pace = formatPace(rate, unit, total === undefined ? undefined : total - done);
  return [item, count, pace, detail].filter(Boolean).join('  ');
}

function stepText(event: Payload<'step'>, state: RunState, now: number): string {
  const loss = state.smoothedLoss === undefined ? '' : `  loss ${state.smoothedLoss.toFixed(4)}`;
  const rate = event.images_per_second ? `  ${formatRate(event.images_per_second, 'images')}` : '';
  const seconds = secondsLeft(state.pace, state.steps, now);
  const left = seconds === undefined || event.step >= state.steps ? '' : `  ${formatDuration(seconds)} left`;
  return `step ${event.step}/${state.steps} ${percent(event.step, state.steps)}${loss}${rate}${left}`;
}

function learnedText({ verdict, before, after, weight_change: change, reason }: Payload<'learned'>): string {
  const parts = Object.entries(change).map(([part, share]) => `${part} ${(100 * share).toFixed(2)} %`);
  const weights = parts.length > 0 ? `weights changed: ${parts.join(', ')}` : '';
  // The reason is a sentence that contains the losses.
  const losses =
    reason === undefined && before !== undefined && after !== undefined
      ? `validation loss ${before.loss.toFixed(4)} → ${after.loss.toFixed(4)} ± ${after.stderr.toFixed(4)}`
      : '';
  return [verdictWords[verdict], losses, weights, reason ?? ''].filter((text) => text !== '').join('; ');
}

function exitText({ step, code, reason }: Payload<'exit'>, state: RunState): string {
  const seconds = workedSeconds(state);
  const took = seconds === undefined ? '' : ` in ${formatDuration(seconds)}`;
  const why = reason === undefined || reason === 'finished' ? '' : `: ${reason}`;
  return `${code === 0 ? '' : `exit ${code}, `}step ${step} of ${state.steps}${took}${why}`;
}
