/**
 * Finds the base model that a spec names: where it is or will be on this disk, and which registry entries must be
 * fetched.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import { findBase, neutralEntry } from '../../registry/catalogue/find.ts';
import { findEntry } from '../../registry/catalogue/load.ts';
import { type LocatedModel, locateModel } from '../../registry/catalogue/locate.ts';
import type { AnyEntry, ModelEntry, Registry } from '../../registry/catalogue/schema.ts';
import { checkBase } from '../../registry/checkpoints/complete.ts';
import { identifyModel } from '../../registry/checkpoints/identify.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { LocatedBase } from '../plan/resolve.ts';

export interface ResolvedBase {
  readonly base: LocatedBase;
  /** Entries that must be fetched before training can start; empty when all files are here. */
  readonly needs: readonly NeededEntry[];
  /** Sentences about things in the model that this program does not know. */
  readonly notes: readonly string[];
}

export interface NeededEntry {
  readonly entry: AnyEntry;
  /** Whether only configuration and tokenizer files are needed, because the person has the weights already. */
  readonly companionsOnly: boolean;
}

interface Input {
  readonly model: RunSpec['model'];
  /** Folder that relative paths start from. */
  readonly dir: string;
  readonly registry: Registry;
  readonly places: Places;
}

/**
 * Finds the base model.
 * @throws UsageError when a path is no model, a LoRA trained on it would be wrong, or a VAE is unknown
 */
export async function resolveBase(input: Input): Promise<ResolvedBase> {
  const found = await resolveWeights(input);
  const vae = resolveVae(input);
  const base = { ...found.base, vaePath: vae?.path ?? null };
  const here = existsSync(base.path) && (base.vaePath === null || existsSync(base.vaePath));
  return {
    base,
    needs: [...found.needs, ...(vae?.needs ?? [])],
    notes:
      here && found.needs.every(({ companionsOnly }) => companionsOnly)
        ? checkBase({ ...base, family: input.model.family })
        : [],
  };
}

async function resolveWeights({ model, dir, registry, places }: Input): Promise<Omit<ResolvedBase, 'notes'>> {
  const entry = findBase(registry, model.base);
  if (entry !== undefined) {
    const located = locateModel(entry, places);
    const weights = entry.files.find((file) => file.role === 'weights');
    return {
      base: {
        path: located.path,
        layout: entry.layout,
        configDir: located.configDir,
        vaePath: null,
        sha256: entry.layout === 'single_file' ? (weights?.sha256 ?? null) : null,
      },
      needs: located.ready ? [] : [{ entry, companionsOnly: false }],
    };
  }
  const path = resolve(dir, model.base);
  const { layout } = await identifyModel(path, { ownVae: model.vae !== null, scaled: model.vae_scaling !== null });
  if (layout === 'diffusers')
    return { base: { path, layout, configDir: null, vaePath: null, sha256: null }, needs: [] };
  const lender = lenderOf(registry, model);
  const { configDir, missing } = locateModel(lender, places);
  const lacks = missing.some((file) => file.role === 'companion');
  return {
    base: { path, layout, configDir, vaePath: null, sha256: null },
    needs: lacks ? [{ entry: lender, companionsOnly: true }] : [],
  };
}

/** The entry whose configuration and tokenizer files serve a single-file checkpoint: the plain base of its family. */
function lenderOf(registry: Registry, { family, prediction, base }: RunSpec['model']): ModelEntry {
  const lender = neutralEntry(registry, family, prediction, 'single_file');
  if (lender === undefined)
    throw new UsageError(`${base} needs configuration files that no entry of the registry for ${family} has.`, {
      id: 'model/config',
      nextSteps: ['Take the model as a diffusers folder, which has them in it.'],
    });
  return lender;
}

function resolveVae({ model, dir, registry, places }: Input): { path: string; needs: NeededEntry[] } | undefined {
  if (model.vae === null) return undefined;
  const path = resolve(dir, model.vae);
  if (existsSync(path)) return { path, needs: [] };
  const entry = findEntry(registry, model.vae);
  if (entry.kind !== 'vae')
    throw new UsageError(`${model.vae} is a ${entry.kind}, not a VAE.`, {
      id: 'model/not-a-base',
      nextSteps: ['See them: visiontrain models list'],
    });
  const located: LocatedModel = locateModel(entry, places);
  return { path: located.path, needs: located.ready ? [] : [{ entry, companionsOnly: false }] };
}
