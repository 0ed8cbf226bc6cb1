/**
 * Finds the marks of two relatives of SDXL whose tensors have the names and shapes of SDXL's: models of rectified
 * flow, which predict the velocity along a straight path, and models over another VAE (EQ-VAE), whose latents have
 * another scale and mean. The tensors of their parts do not show the difference, so metadata, extra tensors and names
 * are read. Pure.
 */
import type { Refusal } from './refusal.ts';

type Metadata = Readonly<Record<string, string>>;

/** How the latents of such a model's VAE are scaled, as run.yaml has it (`model.vae_scaling`). */
export interface VaeScaling {
  readonly scale: number;
  readonly shift: number;
  readonly reflect: boolean;
}

/** What the marks of a model say about it. */
export interface FlowMarks {
  /** Which mark says that the model is one of rectified flow. */
  readonly flow?: string;
  readonly flowShift?: number;
  /** Which mark says that the model is over another VAE. */
  readonly ownVae?: string;
  /** How the latents of that VAE are scaled, where the metadata has both numbers. */
  readonly vaeScaling?: VaeScaling;
}

/** Ends of metadata keys that trainers of such models write, each with the value that it must have. */
const flowKeys = /(^|[._])(flow_model|rectified_flow|flow_matching|flow_shift|flow_use_ot|flow_uniform_static_ratio)$/u;
const shiftKeys = /(^|[._])(flow_shift|flow_uniform_static_ratio)$/u;
const vaeKeys = /(^|[._])(vae_custom_shift|vae_custom_scale|vae_reflection_padding|eq_?vae)$/u;

/** Names of tensors outside of all parts with which some programs mark such models. */
const flowTensors = /^(flow|flow_shift|rectified_flow)$/u;

/** Words in titles and names. A bare "RF" or "flow" may mean anything, and is left to the measurement. */
const flowWords = /(^|[^a-z])(rectified[ _.-]?flow|flow[ _.-]?match(ing|ed)?)($|[^a-z])/iu;
const vaeWords = /(^|[^a-z])eq[ _.-]?vae($|[^a-z])/iu;

/** Keys whose values say what a model predicts: that of the modelspec standard, and the one that ComfyUI writes. */
const predictionKeys = ['modelspec.prediction_type', 'modelspec.predict_key'];
const namingKeys = ['modelspec.title', 'modelspec.architecture'];

const isOff = (value: string) => ['', 'none', 'null', 'false', '0', '0.0'].includes(value.trim().toLowerCase());

/** The kind of prediction that a file's metadata names, in lower case; undefined when it names none. */
export function predictionSaid(metadata: Metadata): string | undefined {
  for (const key of predictionKeys) {
    const value = metadata[key]?.trim().toLowerCase();
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** Whether the name of a kind of prediction means rectified flow. */
export const saysFlow = (prediction: string | undefined) => prediction !== undefined && /flow|^rf$/u.test(prediction);

/** What a file's metadata, and tensors outside of its parts, say about the model. */
export function marksOf(metadata: Metadata, tensors: Iterable<string> = []): FlowMarks {
  const on = Object.entries(metadata).filter(([, value]) => !isOff(value));
  const entryOf = (pattern: RegExp) => on.find(([key]) => pattern.test(key));
  const word = (pattern: RegExp) => namingKeys.find((key) => pattern.test(metadata[key] ?? ''));
  const prediction = predictionSaid(metadata);
  const [flowKey] = entryOf(flowKeys) ?? [];
  const [vaeKey] = entryOf(vaeKeys) ?? [];
  const [flowTitle, vaeTitle] = [word(flowWords), word(vaeWords)];
  const tensor = [...tensors].find((name) => flowTensors.test(name));
  const flow =
    (saysFlow(prediction) ? `its metadata says that it predicts ${prediction}` : undefined) ??
    (flowKey === undefined ? undefined : `its metadata has ${flowKey}`) ??
    (flowTitle === undefined ? undefined : `its metadata's ${flowTitle} says so`) ??
    (tensor === undefined ? undefined : `it has the mark ${tensor}`);
  const ownVae =
    (vaeKey === undefined ? undefined : `its metadata has ${vaeKey}`) ??
    (vaeTitle === undefined ? undefined : `its metadata's ${vaeTitle} says so`);
  const shift = Number(entryOf(shiftKeys)?.[1]);
  const vaeScaling = scalingOf(entryOf);
  return {
    ...(flow === undefined ? {} : { flow }),
    ...(flow !== undefined && shift > 0 && shift <= 100 ? { flowShift: shift } : {}),
    ...(ownVae === undefined ? {} : { ownVae }),
    ...(vaeScaling === undefined ? {} : { vaeScaling }),
  };
}

function scalingOf(entryOf: (pattern: RegExp) => readonly [string, string] | undefined): VaeScaling | undefined {
  const [scale, shift] = [/vae_custom_scale$/u, /vae_custom_shift$/u].map((key) => Number(entryOf(key)?.[1]));
  if (scale === undefined || shift === undefined || !(scale > 0) || !Number.isFinite(shift)) return undefined;
  return { scale, shift, reflect: entryOf(/vae_reflection_padding$/u) !== undefined };
}

/** What the name of a file or folder says about the model. */
export function marksOfName(name: string): FlowMarks {
  return {
    ...(flowWords.test(name) ? { flow: 'its name says so' } : {}),
    ...(vaeWords.test(name) ? { ownVae: 'its name says so' } : {}),
  };
}

/**
 * Why a model over another VAE must not be trained while it is unknown how its latents are scaled; undefined when it
 * may.
 */
export function vaeRefusal({ ownVae, vaeScaling }: FlowMarks): Refusal | undefined {
  if (ownVae === undefined || vaeScaling !== undefined) return undefined;
  return {
    what: `a model over a VAE of its own (EQ-VAE), whose latents have another scale and mean (${ownVae})`,
    cure: 'Say both, as the page of the model tells them: --set "model.vae_scaling={scale: 0.1406, shift: -0.4743, reflect: true}"',
  };
}
