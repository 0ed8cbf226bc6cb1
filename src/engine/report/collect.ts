/**
 * Reads a run folder into a `RunReport`. The folder may be a stranger's: no link is followed, and all texts are made
 * harmless.
 */
import { join } from 'node:path';
import { readOurs } from '../../base/files/regular-file.ts';
import { neutralise } from '../../base/text.ts';
import { reduceAll } from '../events/reducer.ts';
import { initialState, type RunState, workedSeconds } from '../events/run-state.ts';
import type { RunEvent } from '../events/schema.ts';
import { type Series, seriesPoints } from '../events/series.ts';
import { readEvents } from '../events/tail.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { readPlan } from '../runs/read-plan.ts';
import type { RunSummary } from '../runs/summary.ts';
import { datasetOf } from './dataset.ts';
import { judgementOf } from './judgement.ts';
import { readImageLosses } from './loss-per-image.ts';
import { shareable } from './private.ts';
import { readChosen } from './settings.ts';
import type { ReportPrompt, RunReport, StepCurve, ValidationPoint } from './types.ts';
import { verdictOf } from './verdict.ts';

/** Most bytes of env.json. */
const MOST_FACTS = 1 << 20;

/**
 * Collects a report.
 * @throws ForeignFileError when a file of the run is no plain file
 */
export function collectReport(summary: RunSummary): RunReport {
  const { dir } = summary;
  const { state, validation } = readAll(dir);
  const plan = planOf(dir);
  const settings = readChosen(dir);
  const trigger = settings.find(({ key }) => key === 'dataset.trigger')?.value;
  const { learned } = state;
  return harmless({
    name: summary.name,
    state: summary.state,
    verdict: shareable(verdictOf(summary, state)),
    step: summary.exit?.step ?? state.step,
    steps: state.steps,
    epoch: state.latest?.epoch ?? null,
    started_at: state.startedAt ?? null,
    seconds: workedSeconds(state) ?? null,
    seconds_left: summary.seconds_left,
    best_step: state.bestStep ?? null,
    learned: learned === undefined ? null : learnedOf(learned),
    loss: curve(state.loss),
    learning_rate: curve(state.lr),
    validation,
    samples: prompts(state),
    dataset: plan === undefined ? null : datasetOf(plan, typeof trigger === 'string' ? trigger : ''),
    image_losses: shareable(readImageLosses(dir)),
    judgement: shareable(judgementOf(dir)),
    model: plan === undefined ? null : modelOf(plan),
    settings: shareable(settings),
    machine: shareable(machineOf(dir, state)),
    files: filesOf(summary, state),
    spec_sha256: plan?.spec_sha256 ?? null,
    notes: shareable(state.notes.map(({ level, text }) => ({ level, text }))),
  });
}

/** The state, and every validation with its standard error, of which the state keeps only the newest. */
function readAll(dir: string): { readonly state: RunState; readonly validation: readonly ValidationPoint[] } {
  let state = initialState;
  let validation: ValidationPoint[] = [];
  for (const events of readEvents(dir)) {
    state = reduceAll(state, events);
    for (const event of events) validation = withValidation(validation, event);
  }
  return { state, validation };
}

/** The validations with one more event. A resume at a step drops the validations of later steps. */
function withValidation(points: ValidationPoint[], event: RunEvent): ValidationPoint[] {
  if (event.type === 'start') return points.filter(({ step }) => step <= event.step);
  if (event.type !== 'validation') return points;
  const { step, loss, stderr } = event;
  return [...points.filter((point) => point.step !== step), { step, loss, stderr }];
}

function planOf(dir: string): Plan | undefined {
  try {
    return readPlan(dir);
  } catch {
    // The plan is another version's, or damaged. The rest of the report does not need it.
    return undefined;
  }
}

const modelOf = ({ model, training: { pivotal } }: Plan): RunReport['model'] => ({
  name: model.name,
  family: model.family,
  prediction: model.prediction,
  ...(model.prediction === 'flow' ? { flow_shift: model.flow_shift } : {}),
  ...(pivotal === null ? {} : { embedding: pivotal.word }),
  clip_skip: model.clip_skip,
  sha256: model.sha256,
});

const learnedOf = ({
  verdict,
  reason,
  before,
  after,
  weight_change,
}: NonNullable<RunState['learned']>): RunReport['learned'] => ({
  verdict,
  reason: reason ?? null,
  before: before ?? null,
  after: after ?? null,
  weight_change,
});

function curve(series: Series): StepCurve {
  const points = seriesPoints(series);
  return { steps: points.map(({ x }) => x), values: points.map(({ y }) => y) };
}

/** The samples by prompt and seed. A prompt that was changed during the run counts as another prompt. */
function prompts({ samples }: RunState): readonly ReportPrompt[] {
  const groups = new Map<string, ReportPrompt>();
  for (const { index, prompt, seed, adapter, step, path } of samples) {
    const key = JSON.stringify([index, prompt, seed]);
    const group = groups.get(key) ?? { index, prompt, seed, base: null, steps: [] };
    const steps = [...group.steps.filter((one) => one.step !== step), { step, path }].sort((a, b) => a.step - b.step);
    groups.set(key, adapter ? { ...group, steps } : { ...group, base: path });
  }
  return [...groups.values()].sort((a, b) => a.index - b.index || a.seed - b.seed);
}

function machineOf(dir: string, state: RunState): RunReport['machine'] {
  const facts: Record<string, string | number | boolean | null> = {};
  const add = (all: Readonly<Record<string, unknown>>) => {
    for (const [name, value] of Object.entries(all))
      if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) facts[name] = value as string;
  };
  try {
    const bytes = readOurs(join(dir, RUN_FILES.environment), MOST_FACTS);
    if (bytes !== undefined) add(JSON.parse(bytes.toString('utf8')) as Record<string, unknown>);
  } catch {
    // env.json is damaged, so its facts are left out.
  }
  add(state.active);
  // A report is shown to others, so the name of the machine is left out.
  delete facts.host;
  return facts;
}

function filesOf({ exit }: RunSummary, state: RunState): RunReport['files'] {
  const outputs = exit?.outputs ?? state.outputs.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 }));
  const saved = state.saved.map(({ path, bytes, sha256, step }) => ({ path, bytes, sha256, step }));
  return [...outputs.map((file) => ({ ...file, step: null })), ...saved];
}

/** The value with every text in it made a single harmless line. */
function harmless<T>(value: T): T {
  if (typeof value === 'string') return neutralise(value) as T;
  if (Array.isArray(value)) return value.map(harmless) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [neutralise(key), harmless(inner)])) as T;
}
