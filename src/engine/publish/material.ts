/** Collects what is published about a run: on the hub, or on a site with uploads by hand. */
import { basename } from 'node:path';
import { findBase } from '../../registry/catalogue/find.ts';
import { type BaseLicence, baseLicence } from '../../registry/catalogue/licence-text.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { Plan } from '../plan/schema.ts';
import { collectReport } from '../report/collect.ts';
import type { ReportPrompt, RunReport } from '../report/types.ts';
import { insideRun } from '../run-folder/inside.ts';
import { finishedFiles } from '../runs/finished.ts';
import { readPlan } from '../runs/read-plan.ts';
import type { RunSummary } from '../runs/summary.ts';

/** A sample with the LoRA, and its generation settings. */
export interface Cover {
  /** Absolute path of a PNG file. */
  readonly path: string;
  readonly prompt: string;
  readonly negative: string;
  readonly seed: number;
  readonly steps: number;
  readonly guidance: number;
  readonly strength: number;
  readonly size: readonly [number, number];
  readonly sampler: Plan['samples']['sampler'];
}

export interface Material {
  readonly name: string;
  /** Absolute path of the LoRA file. */
  readonly lora: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly report: RunReport;
  readonly plan: Plan;
  /** The trigger word; empty for none. */
  readonly trigger: string;
  readonly covers: readonly Cover[];
  readonly licence: BaseLicence;
  /** Repository of the base model on the hub; null when unknown. */
  readonly baseRepo: string | null;
}

/** Most samples that are published. */
const MOST_COVERS = 12;

/**
 * Collects the material.
 * @throws UsageError for a run that is not finished, ForeignFileError for one whose files are not inside its folder
 */
export function materialOf(summary: RunSummary, registry: Registry): Material {
  const { dir } = summary;
  const [final] = finishedFiles(summary, 'there is nothing yet to give to others');
  const plan = readPlan(dir);
  const report = collectReport(summary);
  const base = findBase(registry, plan.model.name);
  const hub = base?.files.flatMap(({ sources }) => sources).find(({ kind }) => kind === 'hub');
  return {
    name: plan.name,
    lora: insideRun(dir, final.path),
    sha256: final.sha256,
    bytes: final.bytes,
    report,
    plan,
    trigger: report.dataset?.trigger ?? '',
    covers: report.samples.flatMap((prompt) => coverOf(dir, plan, prompt) ?? []).slice(0, MOST_COVERS),
    licence: baseLicence(registry, plan.model.name),
    baseRepo: base?.embedded === undefined && hub?.kind === 'hub' ? hub.repo : null,
  };
}

function coverOf(dir: string, { samples: s }: Plan, { index, prompt, seed, steps }: ReportPrompt): Cover | undefined {
  const newest = steps.at(-1);
  if (newest === undefined || basename(newest.path) !== newest.path.replace(/^samples\//u, '')) return undefined;
  const shot = s.shots?.[index];
  return {
    path: insideRun(dir, newest.path),
    prompt,
    seed,
    negative: shot?.negative ?? s.negative,
    steps: shot?.steps ?? s.steps,
    guidance: shot?.guidance ?? s.guidance,
    strength: shot?.strength ?? 1,
    size: shot?.size ?? s.size,
    sampler: s.sampler,
  };
}

/** The settings that people usually ask for, in words. */
export function settingWords({ plan }: Material): readonly (readonly [string, string])[] {
  const { training: t, data } = plan;
  const trained = data.images.filter(({ validation, regularisation }) => !validation && !regularisation);
  const kind = t.dora ? 'DoRA' : { lora: 'LoRA', loha: 'LoHa', lokr: 'LoKr' }[t.adapter];
  return [
    ['Kind', `${kind}, rank ${t.rank}, alpha ${t.alpha}${t.conv_rank > 0 ? `, convolutions ${t.conv_rank}` : ''}`],
    ['Pictures', String(trained.length)],
    ['Steps', `${t.steps}, ${t.batch_size * t.gradient_accumulation} pictures each`],
    ['Optimiser', `${t.optimizer}, rate ${t.learning_rate}, ${t.schedule}`],
    ['Resolution', String(Math.round(Math.sqrt((trained[0]?.bucket[0] ?? 0) * (trained[0]?.bucket[1] ?? 0))))],
    ['Clip skip', String(plan.model.clip_skip)],
  ];
}
