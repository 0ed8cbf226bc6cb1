/** Turns the wishes for `visiontrain sample` into a plan, its LoRAs and the grid of all samples. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../../../base/errors.ts';
import { sha256OfFile } from '../../../base/files/hash.ts';
import { shellWord } from '../../../base/typed-path.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { settlePlan } from '../../../engine/runs/read-plan.ts';
import { refuseForeignFolder } from '../../../engine/runs/trust.ts';
import { type GridInput, type SampleGrid, type SampleShot, sampleGrid } from '../../../engine/sample/grid.ts';
import { baseOfLoras, groundPlan, runGround } from '../../../engine/sample/ground.ts';
import type { SampleSource } from '../../../engine/sample/worker.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { readPromptLine } from '../../../spec/prompt-flags.ts';
import type { Context } from '../../shell/context.ts';
import type { SampleWishes } from './asked.ts';

export interface SampleRequest {
  readonly plan: Plan;
  readonly source: SampleSource;
  readonly grid: SampleGrid;
  /** Name for a folder. */
  readonly name: string;
}

/** Strengths of `--grid strength`, and (below) number of seeds of `--grid seed`, when none are named. */
const USUAL_STRENGTHS = [0, 0.4, 0.6, 0.8, 1] as const;
const USUAL_SEEDS = 4;

/**
 * Makes the request.
 * @throws UsageError for a run without such checkpoints, and for LoRAs or a base model that do not go together
 */
export function requestFor(query: string | undefined, wishes: SampleWishes, context: Context): Promise<SampleRequest> {
  if (query !== undefined && wishes.loras.length > 0) throw either('A run and --lora cannot be drawn together.');
  if (query !== undefined) return ofRun(query, wishes, context);
  if (wishes.loras.length === 0) throw either('With what are pictures to be drawn?');
  return ofFiles(wishes, context);
}

const either = (message: string) =>
  new UsageError(message, {
    id: 'command/wrong',
    nextSteps: [
      'With files:         visiontrain sample --lora FILE.safetensors:0.8 --prompt "…"',
      'With checkpoints:   visiontrain sample RUN --step 400,800',
    ],
  });

async function ofRun(query: string, wishes: SampleWishes, { places }: Context): Promise<SampleRequest> {
  const { dir, name, state } = findRun(query, places.runs);
  refuseForeignFolder(dir);
  if (wishes.base !== null || wishes.precision !== null)
    throw new UsageError('A run is drawn on its own base and in its own number format.', {
      id: 'command/wrong',
      nextSteps: ['Leave --base and --precision out, or draw with its file:  --lora FILE'],
    });
  if (state === 'live')
    throw new UsageError(`${name} is still training, and drawing would take its memory.`, {
      id: 'run/already-running',
      nextSteps: [
        `Ask the run itself for samples: press g in  visiontrain attach ${shellWord(name)}`,
        'Or draw with a file that it has written:  visiontrain sample --lora FILE',
      ],
    });
  const registry = loadRegistry({ configDir: places.config });
  const settled = await runGround(dir, settlePlan(dir), { registry, places });
  const { samples, resources } = settled;
  const plan: Plan = {
    ...settled,
    samples: {
      ...samples,
      ...(wishes.sampler === null ? {} : { sampler: wishes.sampler }),
      ...(wishes.spacing === null ? {} : { spacing: wishes.spacing }),
    },
    resources: { ...resources, cache_dir: places.cache, ...(wishes.device === null ? {} : { device: wishes.device }) },
  };
  const steps = checkpointsOf(dir, name, wishes);
  const loras = [{ name: plan.name, strengths: strengthsOf(wishes, null) }];
  const grid = sampleGrid({ loras, steps, prompts: shotsOf(plan, wishes), axes: wishes.axes });
  return { plan, source: { run: dir, loras: [{ name: plan.name, path: dir, sha256: null }] }, grid, name };
}

/**
 * The steps that are drawn.
 * @throws UsageError when a checkpoint is not there
 */
function checkpointsOf(dir: string, name: string, { checkpoints, axes }: SampleWishes): readonly number[] {
  const folder = join(dir, RUN_FILES.checkpoints);
  const there = (existsSync(folder) ? readdirSync(folder) : [])
    .flatMap((entry) => /^step-(\d{6,})$/u.exec(entry)?.[1] ?? [])
    .map(Number)
    .filter((step) => step > 0)
    .sort((a, b) => a - b);
  const last = there.at(-1);
  const all = checkpoints === 'all' || (checkpoints === null && axes.includes('step'));
  const wanted = all ? there : checkpoints === null ? (last === undefined ? [] : [last]) : checkpoints;
  const gone = wanted.filter((step) => !there.includes(step));
  if (wanted.length > 0 && gone.length === 0) return wanted;
  throw new UsageError(
    gone.length > 0 ? `${name} has no checkpoint of step ${gone.join(', ')}.` : `${name} has no checkpoint yet.`,
    {
      id: 'run/no-export',
      details: there.length === 0 ? [] : [`Checkpoints: steps ${there.join(', ')}.`],
      nextSteps: [
        'Keep more of them in the next run: --set output.checkpoint_keep=10',
        'Or draw with files that it has written:  visiontrain sample --lora FILE',
      ],
    },
  );
}

async function ofFiles(wishes: SampleWishes, { places, env }: Context): Promise<SampleRequest> {
  if (wishes.checkpoints !== null)
    throw new UsageError('--step names checkpoints of a run; a LoRA file has none.', {
      id: 'command/wrong',
      nextSteps: ['Denoising steps are  --steps', 'Checkpoints:  visiontrain sample RUN --step 400,800'],
    });
  const registry = loadRegistry({ configDir: places.config });
  const paths = wishes.loras.map(({ path }) => path);
  const gone = paths.find((path) => !existsSync(path));
  if (gone !== undefined)
    throw new UsageError(`${gone} is not there.`, { id: 'lora/unreadable', nextSteps: ['Check the path.'] });
  if (wishes.prompts === null)
    throw new UsageError('What is to be drawn?', {
      id: 'command/wrong',
      nextSteps: [`visiontrain sample --lora ${shellWord(basename(paths[0] ?? ''))} --prompt "…"`],
    });
  const base = wishes.base ?? baseOfLoras(paths, registry);
  const samples = { sampler: wishes.sampler, spacing: wishes.spacing };
  const resources = { precision: wishes.precision, device: wishes.device };
  const given = (values: object) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
  const values = { samples: given(samples), resources: given(resources) };
  const plan = await groundPlan({ base, loras: paths, values, registry, places, env });
  const loras = await Promise.all(
    wishes.loras.map(async ({ path }) => ({
      name: basename(path).replace(/\.safetensors$/iu, ''),
      path,
      sha256: await sha256OfFile(path),
    })),
  );
  const named = wishes.loras.map(({ strengths }, i) => ({
    name: loras[i]?.name ?? '',
    strengths: strengthsOf(wishes, strengths),
  }));
  const grid = sampleGrid({ loras: named, steps: [null], prompts: shotsOf(plan, wishes), axes: wishes.axes });
  return { plan, source: { run: null, loras }, grid, name: loras.map(({ name }) => name).join('-') };
}

const strengthsOf = ({ strengths, axes }: SampleWishes, own: readonly number[] | null): readonly number[] =>
  own ?? strengths ?? (axes.includes('strength') ? USUAL_STRENGTHS : [1]);

/** The shots of each prompt: those of the run when none is named. Settings that are not given are the plan's. */
function shotsOf({ samples }: Plan, wishes: SampleWishes): GridInput['prompts'] {
  const own = wishes.prompts === null ? samples.shots : null;
  const lines = (wishes.prompts ?? samples.prompts).map((line) => readPromptLine(line).line);
  const each = own ?? lines.map((line, i) => shotOf(line, samples, i));
  if (each.length === 0)
    throw new UsageError('The run has no prompts of its own.', {
      id: 'command/wrong',
      nextSteps: ['Say what is drawn:  --prompt "…"'],
    });
  return each.map((shot) => {
    const changed: SampleShot = {
      prompt: shot.prompt,
      negative: wishes.negative ?? shot.negative,
      steps: wishes.steps ?? shot.steps,
      guidance: wishes.guidance ?? shot.guidance,
      size: wishes.size ?? shot.size,
      seed: shot.seed,
      clip_skip: shot.clip_skip,
    };
    const count = wishes.axes.includes('seed') ? USUAL_SEEDS : 1;
    const seeds = wishes.seeds ?? Array.from({ length: count }, (_, i) => shot.seed + i);
    return seeds.map((seed) => ({ ...changed, seed }));
  });
}

/** Makes a shot. The first prompt has the plan's seed and each further one the next, as in a run. */
const shotOf = (
  line: ReturnType<typeof readPromptLine>['line'],
  samples: Plan['samples'],
  index: number,
): SampleShot => ({
  prompt: line.prompt,
  negative: line.negative ?? samples.negative,
  steps: line.steps ?? samples.steps,
  guidance: line.guidance ?? samples.guidance,
  seed: line.seed ?? samples.seed + index,
  size: [line.width ?? samples.size[0], line.height ?? samples.size[1]],
  clip_skip: line.clip_skip ?? null,
});
