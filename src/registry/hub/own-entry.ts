/** Makes the registry's entry for a base model of the person's own. Pure. */
import { UsageError } from '../../base/errors.ts';
import { type Family, type Prediction, predictions } from '../../spec/schema.ts';
import { neutralEntry } from '../catalogue/find.ts';
import { findModel } from '../catalogue/load.ts';
import type { OwnEntry } from '../catalogue/own.ts';
import type { AnyEntry, ModelEntry, ModelFile, Registry } from '../catalogue/schema.ts';
import { vaeFor } from '../checkpoints/architecture.ts';
import type { ModelFacts } from '../checkpoints/identify.ts';
import type { RemoteModel } from './remote-model.ts';

export interface FoundModel extends RemoteModel {
  readonly facts: ModelFacts;
}

/** What the person decided about the entry. Each field is undefined where they leave it to us. */
export interface Wishes {
  readonly id: string | undefined;
  readonly title: string | undefined;
  /** Id of the entry whose recipe and prompts the new entry takes. */
  readonly like: string | undefined;
  readonly prediction: string | undefined;
}

/** The entry that has exactly these weights; undefined when there is none. */
export function knownAs(registry: Registry, files: readonly ModelFile[]): AnyEntry | undefined {
  const hashes = new Set(files.filter((f) => f.role === 'weights').map((f) => f.sha256));
  return [...registry.models, ...registry.assets].find((entry) => {
    const own = entry.files.filter((file) => file.role === 'weights');
    return (
      own.length > 0 &&
      own.length === hashes.size &&
      own.every((file) => file.sha256 !== undefined && hashes.has(file.sha256))
    );
  });
}

const isPrediction = (word: string): word is Prediction => predictions.some((known) => known === word);

/**
 * The entry for a model that was found.
 * @throws {UsageError} when no entry of the registry is similar to it
 */
export function describeOwn(found: FoundModel, wishes: Wishes, registry: Registry): OwnEntry {
  const { family } = found.facts;
  const prediction = wishes.prediction ?? found.facts.prediction;
  if (!isPrediction(prediction))
    throw new UsageError(`--prediction is ${predictions.join(', ')}.`, { id: 'command/wrong-value' });
  const like = wishes.like === undefined ? defaultLike(registry, family, prediction) : findModel(registry, wishes.like);
  if (like.family !== family)
    throw new UsageError(
      `This model is of the family ${family}, and ${like.id}, which it is to be like, of ${like.family}.`,
      {
        id: 'model/family',
        nextSteps: [`Name one of its own family:  --like ${defaultLike(registry, family, prediction).id}`],
      },
    );
  return {
    id: wishes.id ?? slug(found.title),
    title: wishes.title ?? found.title,
    summary: 'Added by you.',
    family,
    prediction,
    zero_terminal_snr: found.facts.zeroTerminalSnr,
    resolution: like.resolution,
    layout: found.layout,
    ...recommendedVae(found.facts, like),
    recipe_set: like.recipe_set ?? family,
    ...(found.layout === 'single_file' ? { companions: `${family}-config` } : {}),
    files: found.files,
    caption_style: like.caption_style,
    guidance: like.guidance,
    sample_prompts: like.sample_prompts,
    negative_prompt: like.negative_prompt,
    license: {
      name: 'unknown',
      url: found.page,
      restrictions: 'Ask its author before you share or sell what you make with it.',
      acceptance: false,
    },
  };
}

/**
 * The VAE that the entry recommends: that of the similar model, else, for a file without a VAE, one of the registry.
 */
function recommendedVae({ lacksVae, family }: ModelFacts, like: ModelEntry): Pick<OwnEntry, 'recommended_vae'> {
  const vae = like.recommended_vae ?? (lacksVae ? vaeFor[family] : undefined);
  return vae === undefined ? {} : { recommended_vae: vae };
}

function defaultLike(registry: Registry, family: Family, prediction: Prediction): ModelEntry {
  const like = neutralEntry(registry, family, prediction);
  if (like === undefined)
    throw new UsageError(`The registry has no model of the family ${family}.`, { id: 'model/family' });
  return like;
}

/** An id made from a title. */
export const slug = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60) || 'my-model';
