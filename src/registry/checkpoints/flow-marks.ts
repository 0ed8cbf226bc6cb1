/**
 * Marks of two relatives of SDXL whose tensors have the names and shapes of SDXL's: models of rectified flow, which
 * predict the velocity of a straight path, and models over a VAE of their own (EQ-VAE), whose latents have another
 * scale and mean. No tensor tells them, so what programs and people wrote is looked at. Pure.
 */
import type { Refusal } from './refusal.ts';

type Metadata = Readonly<Record<string, string>>;

const USUAL = 'Use a base model that predicts noise or velocity over the usual VAE: visiontrain models list';

const flow = (where: string): Refusal => ({ what: `a model of rectified flow (${where})`, cure: USUAL });
const ownVae = (where: string): Refusal => ({
  what: `a model over a VAE of its own (EQ-VAE), whose latents have another scale and mean (${where})`,
  cure: USUAL,
});

/** Last parts of metadata keys that trainers of such models write, each beside its value. */
const settings: readonly (readonly [RegExp, (where: string) => Refusal])[] = [
  [/(^|[._])(flow_model|rectified_flow|flow_matching|flow_shift|flow_use_ot|flow_uniform_static_ratio)$/u, flow],
  [/(^|[._])(vae_custom_shift|vae_custom_scale|vae_reflection_padding|eq_?vae)$/u, ownVae],
];

/** Words of titles and names. A bare "RF" or "flow" may mean anything, and is left to the measurement. */
const words: readonly (readonly [RegExp, (where: string) => Refusal])[] = [
  [/(^|[^a-z])(rectified[ _.-]?flow|flow[ _.-]?match(ing|ed)?)($|[^a-z])/iu, flow],
  [/(^|[^a-z])eq[ _.-]?vae($|[^a-z])/iu, ownVae],
];

/** Keys whose values say what kind of predictions a model makes: the standard's, and the one that ComfyUI writes. */
const predictionKeys = ['modelspec.prediction_type', 'modelspec.predict_key'];
const namingKeys = ['modelspec.title', 'modelspec.architecture'];

const isOff = (value: string) => ['', 'none', 'null', 'false', '0', '0.0'].includes(value.trim().toLowerCase());

/** What a file's metadata says of its predictions, in lower case; undefined when it says nothing. */
export function predictionSaid(metadata: Metadata): string | undefined {
  for (const key of predictionKeys) {
    const said = metadata[key]?.trim().toLowerCase();
    if (said !== undefined && said !== '') return said;
  }
  return undefined;
}

/** The reason in a file's metadata not to train on it; undefined when there is none. */
export function metadataRefusal(metadata: Metadata): Refusal | undefined {
  const said = predictionSaid(metadata);
  if (said !== undefined && /flow|^rf$/u.test(said)) return flow(`its metadata says that it predicts ${said}`);
  for (const [key, value] of Object.entries(metadata)) {
    const setting = settings.find(([pattern]) => pattern.test(key));
    if (setting !== undefined && !isOff(value)) return setting[1](`its metadata has ${key}`);
  }
  for (const key of namingKeys) {
    const word = words.find(([pattern]) => pattern.test(metadata[key] ?? ''));
    if (word !== undefined) return word[1](`its metadata's ${key} says so`);
  }
  return undefined;
}

/** The reason in a file's or folder's name not to train on it; undefined when there is none. */
export function nameRefusal(name: string): Refusal | undefined {
  const word = words.find(([pattern]) => pattern.test(name));
  if (word === undefined) return undefined;
  const { what, cure } = word[1]('its name says so');
  return { what, cure: `${cure}. If only the name is misleading, rename it.` };
}
