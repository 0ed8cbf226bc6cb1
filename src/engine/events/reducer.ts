/**
 * Computes the state of a run from its events alone. Pure: the same events give the same state, and no given state is
 * ever changed. Bounded: the size of the state does not grow with the length of the run.
 */
import { emptyPace, paceDisturb, paceStart, paceStep } from './pace.ts';
import { probeNote } from './probe.ts';
import { type PhaseState, type RunState, type Stamped, workedSeconds } from './run-state.ts';
import type { Payload, RunEvent } from './schema.ts';
import { appendSeries, type Series, truncateSeries } from './series.ts';

/** Number of the newest notes, samples and checkpoints that are kept. */
export const KEPT = 200;
const KEPT_ITEMS = 64;
const KEPT_FACTS = 256;

/** The state after one more event. An event of an unknown type changes only the clock. */
export function reduce(state: RunState, event: RunEvent): RunState {
  return reduceAll(state, [event]);
}

/**
 * The state after many more events. The state is copied only once, so that half a million events can be read in a
 * second.
 */
export function reduceAll(state: RunState, events: readonly RunEvent[]): RunState {
  const next = { ...state };
  for (const event of events) Object.assign(next, change(next, event), { lastEventAt: event.t, lastSeq: event.seq });
  return next;
}

function change(state: RunState, event: RunEvent): Partial<RunState> {
  switch (event.type) {
    case 'run':
      return newAttempt(state, event);
    case 'phase':
      return { phases: enterPhase(state.phases, event), pace: paceDisturb(state.pace) };
    case 'progress':
      return { phases: withProgress(state.phases, event) };
    case 'note':
      return { notes: keep(state.notes, event) };
    case 'active':
      return { active: withFacts(state.active, event.facts) };
    case 'probe':
      return { probe: event, notes: keep(state.notes, { ...probeNote(event), t: event.t }) };
    case 'start':
      return startAt(state, event);
    case 'step':
      return onStep(state, event);
    case 'heartbeat':
      return {};
    case 'validation':
      return {
        validation: appendSeries(truncateAfter(state.validation, state, event.step), event.step, event.loss),
        latestValidation: event,
        pace: paceDisturb(state.pace),
      };
    case 'metric':
      return { metrics: keep(state.metrics, event) };
    case 'checkpoint':
      return {
        checkpoints: keep(state.checkpoints, event),
        bestStep: event.best === true ? event.step : state.bestStep,
        pace: paceDisturb(state.pace),
      };
    case 'saved':
      return { saved: keep(withoutPath(state.saved, event.path), event), pace: paceDisturb(state.pace) };
    case 'unsaved':
      return { saved: withoutPath(state.saved, event.path) };
    case 'sample':
      return { samples: keepSample(state.samples, event), pace: paceDisturb(state.pace) };
    case 'sample_failed': {
      const text = `Sample at step ${event.step} could not be made: ${event.reason}`;
      return { notes: keep(state.notes, { level: 'warn', text, t: event.t }), pace: paceDisturb(state.pace) };
    }
    case 'learned':
      return { learned: event, bestStep: event.best_step ?? state.bestStep };
    case 'image_losses':
      return { imageLosses: event };
    case 'output':
      return { outputs: [...state.outputs.filter((o) => o.path !== event.path), event].slice(-KEPT) };
    case 'result':
      return { result: event, phases: leavePhase(state.phases, event.t) };
    case 'exit':
      return { exit: event, phases: leavePhase(state.phases, event.t) };
    default:
      return {};
  }
}

function newAttempt(state: RunState, event: Stamped<Payload<'run'>>): Partial<RunState> {
  return {
    name: event.name,
    attempt: event.attempt,
    host: event.host,
    device: event.device,
    version: event.version,
    steps: event.steps,
    startedAt: state.startedAt ?? event.t,
    attemptStartedAt: event.t,
    earlierSeconds: workedSeconds(state) ?? 0,
    phases: [],
    startStep: undefined,
    pace: emptyPace,
    outputs: [],
    learned: undefined,
    imageLosses: undefined,
    result: undefined,
    exit: undefined,
  };
}

/**
 * Training starts at a step that may be before the last step of an earlier attempt. Everything after it is dropped.
 */
function startAt(state: RunState, event: Stamped<Payload<'start'>>): Partial<RunState> {
  const { step } = event;
  const upTo = <T extends { readonly step: number }>(list: readonly T[]) => list.filter((item) => item.step <= step);
  return {
    steps: event.steps,
    step,
    startStep: step,
    batchesPerEpoch: event.batches_per_epoch,
    pace: paceStart(step),
    loss: truncateSeries(state.loss, step),
    lr: truncateSeries(state.lr, step),
    validation: truncateSeries(state.validation, step),
    checkpoints: upTo(state.checkpoints),
    saved: upTo(state.saved),
    samples: upTo(state.samples),
    metrics: upTo(state.metrics),
    latest: state.latest !== undefined && state.latest.step <= step ? state.latest : undefined,
    latestValidation:
      state.latestValidation !== undefined && state.latestValidation.step <= step ? state.latestValidation : undefined,
    smoothedLoss: undefined,
    bestStep: state.bestStep !== undefined && state.bestStep <= step ? state.bestStep : undefined,
  };
}

function onStep(state: RunState, event: Stamped<Payload<'step'>>): Partial<RunState> {
  if (!Number.isInteger(event.step)) return {};
  const { loss, step } = event;
  const smoothed = state.smoothedLoss === undefined ? loss : state.smoothedLoss + (loss - state.smoothedLoss) * 0.1;
  return {
    step,
    latest: event,
    smoothedLoss: Number.isFinite(smoothed) ? smoothed : state.smoothedLoss,
    peakMemory: event.memory === undefined ? state.peakMemory : Math.max(state.peakMemory ?? 0, event.memory),
    loss: appendSeries(truncateAfter(state.loss, state, step), step, loss),
    lr: appendSeries(truncateAfter(state.lr, state, step), step, event.lr_used ?? event.lr),
    pace: paceStep(state.pace, step, event.t),
  };
}

/** The series up to a step. Events out of order (a step that is reported twice) must not make a curve go back. */
const truncateAfter = (series: Series, state: RunState, step: number): Series =>
  step < state.step ? truncateSeries(series, step - 1) : series;

function enterPhase(phases: readonly PhaseState[], event: Stamped<Payload<'phase'>>): readonly PhaseState[] {
  const entered: PhaseState = {
    phase: event.phase,
    detail: event.detail,
    startedAt: event.t,
    endedAt: undefined,
    items: {},
  };
  return [...leavePhase(phases, event.t), entered].slice(-KEPT_ITEMS);
}

function leavePhase(phases: readonly PhaseState[], t: number): readonly PhaseState[] {
  const last = phases.at(-1);
  return last === undefined || last.endedAt !== undefined ? phases : [...phases.slice(0, -1), { ...last, endedAt: t }];
}

function withProgress(phases: readonly PhaseState[], event: Stamped<Payload<'progress'>>): readonly PhaseState[] {
  const last = phases.at(-1);
  if (last === undefined || last.phase !== event.phase) return phases;
  const item = event.item ?? '';
  // Half of the items go at once: removing one for each new name would copy all of them every time.
  const full = !Object.hasOwn(last.items, item) && Object.keys(last.items).length >= KEPT_ITEMS;
  const items = full ? Object.fromEntries(Object.entries(last.items).slice(KEPT_ITEMS / 2)) : last.items;
  return [...phases.slice(0, -1), { ...last, items: { ...items, [item]: event } }];
}

const withoutPath = <T extends { readonly path: string }>(list: readonly T[], path: string): readonly T[] =>
  list.filter((item) => item.path !== path);

const keep = <T>(list: readonly T[], item: T): readonly T[] => [...list.slice(-(KEPT - 1)), item];

/** The known facts, updated. New facts are dropped once there are more than any trainer reports. */
function withFacts(active: RunState['active'], facts: RunState['active']): RunState['active'] {
  const full = Object.keys(active).length >= KEPT_FACTS;
  const taken = Object.entries(facts).filter(([name, value]) =>
    full ? Object.hasOwn(active, name) && active[name] !== value : true,
  );
  return taken.length === 0 ? active : { ...active, ...Object.fromEntries(taken) };
}

function keepSample(samples: RunState['samples'], event: Stamped<Payload<'sample'>>): RunState['samples'] {
  const all = [...samples.filter(({ path }) => path !== event.path), event];
  return all.length > KEPT
    ? all.toSpliced(
        Math.max(
          0,
          all.findIndex(({ adapter }) => adapter),
        ),
        1,
      )
    : all;
}
