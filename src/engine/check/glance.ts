/** A quick check of a data set while a person waits: earlier results, and what can be examined within some seconds. */
import { availableParallelism } from 'node:os';
import type { Places } from '../../base/paths.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { checkImages } from './check.ts';
import type { CheckImage, FindingKind } from './finding.ts';
import { tokenizerFolder } from './images.ts';
import { warningsOf } from './report.ts';

export interface GlanceInput {
  readonly root: string;
  readonly images: readonly CheckImage[];
  readonly trigger: string;
  /** Whether crops are moved for what masks show. */
  readonly focus?: boolean;
  /** Base model whose tokenizer counts captions; undefined while none is chosen. */
  readonly base: string | undefined;
  readonly registry: Registry;
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** Most images that are examined for the first time: about 20 a second and core. */
const MOST = 300;
const PATIENCE_MS = 8_000;
/** Findings that the plan reports in its own words. */
const TOLD: ReadonlySet<FindingKind> = new Set(['enlarged', 'cropped', 'long-caption', 'no-caption']);

/** Sentences about findings that most likely make the LoRA worse. It never fails and never takes long. */
export async function glance(input: GlanceInput): Promise<readonly string[]> {
  const { base, registry, places, signal } = input;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const { findings } = await checkImages({
    ...input,
    tokenizer: base === undefined ? null : tokenizerFolder(base, registry, places),
    threads: availableParallelism(),
    most: MOST,
    signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
  });
  return warningsOf(findings.filter(({ kind }) => !TOLD.has(kind)));
}
