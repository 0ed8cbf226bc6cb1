import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { displayPath } from '../../../base/paths.ts';
import { plural } from '../../../base/text.ts';
import type { PythonEnvironment } from '../../../engine/environment/check.ts';
import { ensureEnvironment } from '../../../engine/environment/ensure.ts';
import { exportRun } from '../../../engine/export/export-run.ts';
import { judgeRun } from '../../../engine/judge/judgement.ts';
import { type JudgeModels, judgeModels, modelWords } from '../../../engine/judge/models.ts';
import { readyJudges } from '../../../engine/judge/ready.ts';
import { judgeRequest } from '../../../engine/judge/request.ts';
import type { Judgement } from '../../../engine/judge/schema.ts';
import { waitForCard } from '../../../engine/judge/wait.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { settlePlan } from '../../../engine/runs/read-plan.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Context } from '../../shell/context.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import type { JudgeFlags } from './asked.ts';

/** Waits for the card, judges, and writes the advised LoRA file if requested. */
export async function judge(summary: RunSummary, wishes: JudgeFlags, context: Context): Promise<Judgement> {
  const { flags, env, places } = context;
  const { dir } = summary;
  const stop = stopSignals('Judging is stopped; what was drawn is kept, and the same command goes on.');
  const progress = stepProgress(context);
  const say = (text: string) => {
    if (!flags.json) progress.tools.phase(text);
  };
  let leave = () => {};
  try {
    const onWait = (behind: readonly string[]) => say(`Waits for the card, which ${behind.join(', ')} has.`);
    leave = await waitForCard({ dir, runs: places.runs, signal: stop.signal, onWait });
    const { plan, models, request } = whatToJudge(dir, wishes, context);
    const rows = 1 + request.steps.length * request.strengths.length;
    const samples = request.prompts.length * request.seeds.length * rows;
    say(`Judging ${plural(request.steps.length, 'checkpoint')} by ${plural(samples, 'sample')}; Ctrl-C stops it.`);
    say(judgesWords(models));
    const tools = { ...progress.tools, signal: stop.signal };
    const environment = await ensureEnvironment({ places, env }, plan.resources.device, tools);
    const extras = await readyJudges(models, { places, env, environment }, tools);
    // From here on judge.json names this process.
    leave();
    const judgement = await judgeRun({
      dir,
      plan,
      request,
      python: environment.python,
      extras: [...(environment.extras ?? []), ...extras],
      env,
      resources: plan.resources,
      cacheDir: places.cache,
      signal: stop.signal,
      onOlder: () => say('Another version measured this before: its samples are kept, and measured again.'),
      onProgress: (done, total) => progress.tools.progress({ item: 'samples', unit: 'images', done, total }),
    });
    if (wishes.export) await exportAdvised(dir, judgement, { environment, context });
    return judgement;
  } finally {
    leave();
    progress.end();
    stop.off();
  }
}

/**
 * What is judged, and by which models. This is decided only when the card is free, because a run may add checkpoints
 * until then.
 */
export function whatToJudge(dir: string, wishes: JudgeFlags, { places }: Context) {
  const plan = settlePlan(dir);
  const trigger = wishes.trigger ?? plan.output.facts['modelspec.trigger_phrase'] ?? '';
  const registry = loadRegistry({ configDir: places.config });
  const models = judgeModels({ wanted: wishes, base: plan.model.name, registry, places });
  const folders = { likeness: models.likeness?.folder, fit: models.fit?.folder };
  const request = judgeRequest(plan, { ...wishes, ...folders, trigger, checkpoints: checkpointsOf(dir) });
  return { plan, models, request };
}

interface ExportTools {
  readonly environment: PythonEnvironment;
  readonly context: Context;
}

async function exportAdvised(dir: string, { advice }: Judgement, { environment, context }: ExportTools): Promise<void> {
  const { out, env } = context;
  if (advice === null || advice.step === null) {
    out.talk('No checkpoint is advised, so none is exported.');
    return;
  }
  const own = { precision: null, diffusers: false, weights: null, embedding: null } as const;
  const request = { kind: 'best', number: advice.step, ...own } as const;
  const tools = { python: environment.python, env, resources: settlePlan(dir).resources };
  const { files } = await exportRun(dir, { ...request, to: join(dir, RUN_FILES.output) }, tools);
  for (const { path } of files) out.talk(`Best checkpoint, step ${advice.step}: ${displayPath(path, process.cwd())}`);
}

/** The models that judge, in words: the one that compares images, and the one for prompts if there is any. */
function judgesWords({ likeness, fit }: JudgeModels): string {
  const eye = likeness === null ? 'the built-in measure: colours and where they lie' : modelWords(likeness);
  return `Pictures are compared by ${eye}${fit === null ? '' : `, prompts by ${modelWords(fit)}`}.`;
}

/** Steps of the checkpoints in a run folder, without that of step 0. */
function checkpointsOf(dir: string): readonly number[] {
  return readdirSync(join(dir, RUN_FILES.checkpoints))
    .flatMap((name) => /^step-(\d{6,})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter((step) => step > 0)
    .sort((a, b) => a - b);
}
