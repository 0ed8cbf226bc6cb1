import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { ensureEnvironment } from '../../../engine/environment/ensure.ts';
import { judgeApart, judgeRun, readJudgement, stopJudging } from '../../../engine/judge/judgement.ts';
import { type JudgeModels, judgeModels, modelWords } from '../../../engine/judge/models.ts';
import { readyJudges } from '../../../engine/judge/ready.ts';
import { judgeRequest } from '../../../engine/judge/request.ts';
import type { Judgement } from '../../../engine/judge/schema.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { settlePlan } from '../../../engine/runs/read-plan.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import { refuseForeignFolder } from '../../../engine/runs/trust.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { showJudgement } from './show.ts';

type Options = Readonly<Record<string, unknown>>;

/** Compares the checkpoints of a run with the base model and with each other, and advises one. */
export const run: CommandRun = async ([query = ''], options, context) => {
  const { out, places, flags } = context;
  const summary = findRun(query, places.runs);
  if (options.stop === true) {
    out.talk(stopJudging(summary.dir) ? 'Judging is stopped; what it had drawn is kept.' : 'Nothing judges this run.');
    return EXIT.ok;
  }
  if (options.show === true) {
    showJudgement(context, summary.name, known(summary));
    return EXIT.ok;
  }
  refuseForeignFolder(summary.dir);
  if (summary.state === 'live')
    throw new UsageError(`${summary.name} is still training, and judging would take its memory.`, {
      id: 'judge/busy',
      nextSteps: [`Judge it when it is over; till then: visiontrain attach ${shellWord(summary.name)}`],
    });
  const asked = askedFor(options);
  if (options.detach === true) {
    judgeApart(summary.dir, asked.argv, context.env);
    out.talk(`Judging goes on by itself. See how far it is: visiontrain judge ${shellWord(summary.name)} --show`);
    return EXIT.ok;
  }
  const judgement = await judge(summary, asked, context);
  if (flags.json) out.json(judgement);
  else showJudgement(context, summary.name, judgement);
  return EXIT.ok;
};

async function judge(summary: RunSummary, asked: Asked, context: Context): Promise<Judgement> {
  const { flags, env, places } = context;
  const { dir } = summary;
  const plan = settlePlan(dir);
  const trigger = asked.trigger ?? plan.output.facts['modelspec.trigger_phrase'] ?? '';
  const registry = loadRegistry({ configDir: places.config });
  const models = judgeModels({ asked, base: plan.model.name, registry, places });
  const folders = { likeness: models.likeness?.folder, fit: models.fit?.folder };
  const request = judgeRequest(plan, { ...asked, ...folders, trigger, checkpoints: checkpointsOf(dir) });
  const stop = stopSignals('Judging is stopped; what was drawn is kept, and the same command goes on.');
  const samples = request.prompts.length * request.seeds.length * (1 + request.steps.length * request.strengths.length);
  const progress = stepProgress(context);
  const say = (text: string) => {
    if (!flags.json) progress.tools.phase(text);
  };
  say(`Judging ${plural(request.steps.length, 'checkpoint')} by ${plural(samples, 'sample')}; Ctrl-C stops it.`);
  say(judgesWords(models));
  try {
    const tools = { ...progress.tools, signal: stop.signal };
    const environment = await ensureEnvironment({ places, env }, plan.resources.device, tools);
    const extras = await readyJudges(models, { places, env, environment }, tools);
    return await judgeRun({
      dir,
      plan,
      request,
      python: environment.python,
      extras: [...(environment.extras ?? []), ...extras],
      env,
      resources: plan.resources,
      cacheDir: places.cache,
      signal: stop.signal,
      onProgress: (done, total) => progress.tools.progress({ item: 'samples', unit: 'images', done, total }),
    });
  } finally {
    progress.end();
    stop.off();
  }
}

/** Who judges: what compares pictures, and what looks at prompts where something does. */
function judgesWords({ likeness, fit }: JudgeModels): string {
  const eye = likeness === null ? 'the built-in measure: colours and where they lie' : modelWords(likeness);
  return `Pictures are compared by ${eye}${fit === null ? '' : `, prompts by ${modelWords(fit)}`}.`;
}

interface Asked {
  readonly steps?: readonly number[];
  readonly strengths?: readonly number[];
  readonly seeds?: number;
  readonly trigger?: string;
  readonly likeness: string | undefined;
  readonly fit: string | undefined;
  /** The same as flags. */
  readonly argv: readonly string[];
}

function askedFor(options: Options): Asked {
  const given = ['steps', 'strength', 'seeds', 'trigger', 'likeness', 'fit'].filter(
    (name) => options[name] !== undefined,
  );
  const models = { likeness: textOf(options, 'likeness'), fit: textOf(options, 'fit') };
  const steps = numbers(options, 'steps', { least: 1, whole: true });
  const strengths = numbers(options, 'strength', { least: 0, whole: false });
  const [seeds] = numbers(options, 'seeds', { least: 1, whole: true }) ?? [];
  return {
    ...(steps === undefined ? {} : { steps }),
    ...(strengths === undefined ? {} : { strengths }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(typeof options.trigger === 'string' ? { trigger: options.trigger } : {}),
    ...models,
    // The process that goes on apart starts in the same folder, so a path stays what it is.
    argv: given.flatMap((name) => [`--${name}`, String(options[name])]),
  };
}

const textOf = (options: Options, name: string) =>
  typeof options[name] === 'string' ? (options[name] as string) : undefined;

/** Most numbers of a flag, and the greatest of them. */
const MOST = 100;

function numbers(options: Options, name: string, { least, whole }: { least: number; whole: boolean }) {
  const text = options[name];
  if (typeof text !== 'string') return undefined;
  const found = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const wrong = found.some(
    (value) => !(value >= least) || !Number.isFinite(value) || (whole && !Number.isInteger(value)),
  );
  if (wrong || found.length > MOST)
    throw new UsageError(`--${name} must be numbers of ${least} or more with commas between them; this is ${text}.`, {
      id: 'command/wrong-value',
    });
  return [...new Set(found)];
}

/** Steps of the checkpoints in a run folder, without that of step 0. */
function checkpointsOf(dir: string): readonly number[] {
  return readdirSync(join(dir, RUN_FILES.checkpoints))
    .flatMap((name) => /^step-(\d{6,})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter((step) => step > 0)
    .sort((a, b) => a - b);
}

function known({ dir, name }: RunSummary): Judgement {
  const found = readJudgement(dir);
  if (found !== undefined) return found;
  throw new UsageError(`${name} was not judged yet.`, {
    id: 'judge/none',
    nextSteps: [`visiontrain judge ${shellWord(name)}`],
  });
}
