/** Decides which events of a run become notices, and words them. Pure. */
import { formatDuration, neutralise } from '../../base/text.ts';
import { reduce } from '../events/reducer.ts';
import { initialState, type RunState, workedSeconds } from '../events/run-state.ts';
import type { RunEvent } from '../events/schema.ts';
import { verdictWords } from '../events/words.ts';
import type { NoticeKind } from '../settings/notify-defaults.ts';

/**
 * A notice for a person. It holds the run's name, steps and losses. Names of images, prompts and paths may be private
 * and are left out, because a notice may pass through servers of others.
 */
export interface Notice {
  readonly kind: NoticeKind;
  readonly run: string;
  /** One sentence without the run's name. */
  readonly text: string;
  readonly step: number;
  readonly steps: number;
  readonly loss: number | null;
  /** Seconds since 1970. */
  readonly t: number;
  /** A sample, relative to the run folder, for people who want images. */
  readonly image?: string;
}

/** A download is worth a notice if it takes at least this many seconds. */
const LONG_DOWNLOAD = 30;
/** Least seconds between two notices about checkpoints, and between two about samples. */
const APART = 60;

export interface NoticeSource {
  /** The notices for these events. Events must come in order, and each only once. */
  take(events: readonly RunEvent[]): Notice[];
}

export function noticeSource(): NoticeSource {
  let state: RunState = initialState;
  const last = new Map<NoticeKind, number>();
  const isDue = (kind: NoticeKind, t: number): boolean => {
    if (kind !== 'checkpoint' && kind !== 'sample') return true;
    if (t - (last.get(kind) ?? -Infinity) < APART) return false;
    last.set(kind, t);
    return true;
  };
  return {
    take: (events) =>
      events.flatMap((event) => {
        const before = state;
        state = reduce(state, event);
        const notice = words(event, before, state);
        if (notice === undefined || !isDue(notice.kind, event.t)) return [];
        const { name, step, steps, smoothedLoss } = state;
        return [{ run: neutralise(name), step, steps, loss: smoothedLoss ?? null, t: event.t, ...notice }];
      }),
  };
}

type Said = Pick<Notice, 'kind' | 'text' | 'image'>;

function words(event: RunEvent, before: RunState, state: RunState): Said | undefined {
  const at = `step ${state.step} of ${state.steps}`;
  switch (event.type) {
    case 'phase': {
      const fetched = before.phases.at(-1);
      const seconds = fetched?.phase === 'download' ? event.t - fetched.startedAt : 0;
      if (event.phase === 'download' || seconds < LONG_DOWNLOAD) return undefined;
      return { kind: 'download', text: `the base model is here, after ${formatDuration(seconds)}` };
    }
    case 'note':
      return event.level === 'warn' ? { kind: 'warning', text: `a warning at ${at}` } : undefined;
    case 'checkpoint': {
      const isBest = event.best === true;
      const loss =
        isBest && state.latestValidation ? `, validation loss ${state.latestValidation.loss.toFixed(4)}` : '';
      return { kind: isBest ? 'best' : 'checkpoint', text: `${isBest ? 'best so far' : 'checkpoint'} at ${at}${loss}` };
    }
    case 'sample':
      return event.adapter ? { kind: 'sample', text: `a new sample at ${at}`, image: event.path } : undefined;
    case 'exit':
      return { kind: event.status, text: endWords(event.code, state) };
    default:
      return undefined;
  }
}

function endWords(code: number, state: RunState): string {
  const { exit, step, steps, learned, smoothedLoss } = state;
  const seconds = workedSeconds(state);
  const took = seconds === undefined ? '' : ` in ${formatDuration(seconds)}`;
  if (exit?.status === 'finished') {
    const verdict = learned === undefined ? '' : `${verdictWords[learned.verdict]}, `;
    const loss = smoothedLoss === undefined ? '' : `, loss ${smoothedLoss.toFixed(4)}`;
    return `finished: ${verdict}${steps} steps${took}${loss}`;
  }
  const nothing = learned?.verdict === 'nothing' ? `: ${verdictWords.nothing}` : '';
  return `${exit?.status ?? 'ended'} at step ${step} of ${steps}${took} (exit ${code})${nothing}`;
}
