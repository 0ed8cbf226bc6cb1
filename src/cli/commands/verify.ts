import { join } from 'node:path';
import { EXIT } from '../../base/errors.ts';
import { type ComparedLoras, compareLoras } from '../../engine/lora/compare-loras.ts';
import type { Plan } from '../../engine/plan/schema.ts';
import { loadSpec } from '../../engine/prepare/load.ts';
import { prepareRun } from '../../engine/prepare/prepare.ts';
import { RUN_FILES } from '../../engine/run-folder/layout.ts';
import { readExit } from '../../engine/run-folder/run-files.ts';
import { type Comparison, compareRuns, usedFacts } from '../../engine/runs/compare.ts';
import { createRun } from '../../engine/runs/create.ts';
import { findRun } from '../../engine/runs/find.ts';
import { finishedFiles } from '../../engine/runs/finished.ts';
import { readPlan } from '../../engine/runs/read-plan.ts';
import { startRun } from '../../engine/runs/start.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import type { CommandRun } from '../shell/context.ts';
import { withFolders } from './shared/steps/brought.ts';
import { refuseChangedData } from './shared/unchanged-data.ts';
import { watchRun } from './shared/watch.ts';

/**
 * Trains a finished run again from its own spec. It says whether the bytes are equal and, if not, at which step they
 * begin to differ.
 */
export const run: CommandRun = async ([query = ''], _options, context) => {
  const { out, places, env, flags } = context;
  const original = findRun(query, places.runs);
  const [{ path: lora }] = finishedFiles(original, 'there are no bytes to compare with');
  const registry = loadRegistry({ configDir: places.config });
  const loaded = await withFolders(loadSpec(join(original.dir, RUN_FILES.spec), { registry }), context);
  const planned = readPlan(original.dir);
  const prepared = await prepareRun({ ...loaded, registry, places, env, recorded: planned });
  refuseChangedData(original, planned, prepared, 'another training cannot give the same bytes, so none was started');
  const again = createRun({
    name: `${original.name}-verify`,
    yaml: prepared.yaml,
    plan: withThreads(prepared.plan, planned),
    runs: places.runs,
    facts: { verifies: { run: original.name, facts: usedFacts(original.dir) } },
  });
  await startRun(again, env);
  // No dashboard is shown, since the run makes nothing new. With --json, stdout gets only the verdict.
  const code = await watchRun(again, {
    ...context,
    out: quiet(context),
    flags: { ...flags, plain: true, json: false },
  });
  if (code !== EXIT.ok && readExit(again.dir)?.status !== 'finished') return code;
  const runs = compareRuns(original.dir, again.dir);
  const made = readExit(again.dir)?.outputs[0];
  // Equal hashes say it all. A LoRA that was moved away or changed since leaves only its hash to compare with.
  const files =
    runs.same || made === undefined
      ? undefined
      : await compareLoras(join(original.dir, lora), join(again.dir, made.path)).catch(() => undefined);
  const comparison = { ...runs, same_weights: files?.sameWeights ?? runs.same, metadata: files?.metadata ?? [] };
  if (flags.json) out.json({ run: original.name, verify: again.name, ...comparison });
  else for (const line of verdict(original.name, again.name, comparison)) out.data(line);
  return comparison.same_weights ? EXIT.ok : EXIT.training;
};

/**
 * The plan with the number of threads of the first run, because sums in another order round differently. More threads
 * than cores only take longer.
 */
function withThreads(plan: Plan, { resources: { threads } }: Plan): Plan {
  return { ...plan, resources: { ...plan.resources, threads } };
}

/** An output whose data lines go to stderr, because stdout is for the verdict. */
function quiet({ out }: { out: Parameters<CommandRun>[2]['out'] }): Parameters<CommandRun>[2]['out'] {
  return { ...out, data: out.talk };
}

type Verdict = Comparison & { readonly same_weights: boolean } & Pick<ComparedLoras, 'metadata'>;

function verdict(original: string, again: string, found: Verdict): string[] {
  const { same, same_weights, metadata, sha256, parted, differences, mixed } = found;
  if (same) return [`${original} and ${again} are the same to the byte: SHA-256 ${sha256[0]}`];
  const hashes = [`  ${original}  SHA-256 ${sha256[0]}`, `  ${again}  SHA-256 ${sha256[1]}`];
  if (same_weights)
    return [
      `${original} and ${again} have the same weights to the bit.`,
      `Their files differ in the metadata that another version of visiontrain wrote: ${metadata.join(', ') || 'its order'}.`,
      ...hashes,
    ];
  const where =
    parted === null
      ? 'every step agrees, so the files differ in what was written beside the weights'
      : parted.sameLoss
        ? `they part in the update of step ${parted.step}: the loss agrees (${parted.losses[0]}), the weights do not`
        : `they part at step ${parted.step}: loss ${parted.losses[0]} and ${parted.losses[1]}`;
  const reasons = differences.map(
    ({ fact, values }) => `  ${fact}: ${String(values[0])} then, ${String(values[1])} now`,
  );
  const likely =
    reasons.length === 0 ? [] : ['What the two runs used differs, which is the likely reason:', ...reasons];
  const resumed =
    mixed.length === 0
      ? []
      : [`${original} was resumed where these differed, so its bytes were not promised: ${mixed.join(', ')}.`];
  return [`${original} and ${again} differ: ${where}.`, ...hashes, ...resumed, ...likely];
}
