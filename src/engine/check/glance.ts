/** A short look at a data set while a person waits: what was seen before, and what can be seen within some seconds. */
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
  /** Base model that captions are counted for; undefined while none is chosen. */
  readonly base: string | undefined;
  readonly registry: Registry;
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** Most images that are looked at for the first time: some 20 a second and core. */
const MOST = 300;
const PATIENCE_MS = 8_000;
/** What a plan tells in its own words. */
const TOLD: ReadonlySet<FindingKind> = new Set(['enlarged', 'cropped', 'long-caption', 'no-caption']);

/** Sentences about what most likely makes the LoRA worse. It never fails and never waits long. */
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
