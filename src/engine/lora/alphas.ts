/** Finds the alphas of files without alpha tensors: diffusers writes peft's configuration into the metadata. Pure. */
import type { LoraLayer } from './layers.ts';

const PARTS = { unet: 'unet', 'text encoder': 'text_encoder', 'text encoder 2': 'text_encoder_2' } as const;

type Config = Readonly<Record<string, unknown>>;

/**
 * The alpha of a layer according to the metadata, with rank-stabilised scaling applied, as the trainer's `alphas.py`
 * computes it; null where the metadata has none, or cannot be read.
 */
export function toldAlpha(
  metadata: Readonly<Record<string, string>>,
): (layer: Pick<LoraLayer, 'part' | 'module' | 'rank'>) => number | null {
  const config = configIn(metadata.lora_adapter_metadata);
  return ({ part, module, rank }) => {
    const own = PARTS[part];
    const patterns = config[`${own}.alpha_pattern`];
    const pattern = Object.entries(typeof patterns === 'object' && patterns !== null ? patterns : {}).find(
      // Names of layers have underscores here.
      ([name]) => `_${module}`.endsWith(`_${name.replaceAll('.', '_')}`),
    );
    const alpha = pattern?.[1] ?? config[`${own}.lora_alpha`];
    if (typeof alpha !== 'number' || !Number.isFinite(alpha) || rank === null) return null;
    return config[`${own}.use_rslora`] === true ? alpha * Math.sqrt(rank) : alpha;
  };
}

function configIn(text: string | undefined): Config {
  try {
    const config: unknown = JSON.parse(text ?? '{}');
    return typeof config === 'object' && config !== null ? (config as Config) : {};
  } catch {
    return {};
  }
}
