/** Recognises the program that trained a LoRA file, by the marks that each program leaves in the metadata. Pure. */

type Metadata = Readonly<Record<string, string>>;

/** SimpleTuner writes its own names of families, where others write those of Stability AI's model spec. */
const SIMPLE_TUNER = /^(?:sdxl|sd1x|sd2x|sd3|flux|kolors|pixart_sigma|auraflow|sana|legacy)[\w.-]*\/lora$/u;

const MARKS: readonly (readonly [name: string, isIts: (metadata: Metadata) => boolean])[] = [
  ['visiontrain', (m) => has(m, /^visiontrain\./u)],
  ['OneTrainer', (m) => has(m, /^ot_(?:branch|revision|config)$/u)],
  ['ai-toolkit', (m) => softwareOf(m) === 'ai-toolkit'],
  ['SimpleTuner', (m) => SIMPLE_TUNER.test(m['modelspec.architecture'] ?? '') || has(m, /^simpletuner/u)],
  ['sd-scripts', (m) => has(m, /^ss_(?:sd_scripts_commit_hash|training_started_at)$/u)],
  ['LyCORIS', (m) => m.ss_network_module === 'lycoris.kohya' || has(m, /^lycoris_config$/u)],
  ['diffusers and peft', (m) => m.lora_adapter_metadata !== undefined],
];

/** The program; null when the metadata has no mark of a known one. */
export const trainerOf = (metadata: Metadata): string | null => MARKS.find(([, isIts]) => isIts(metadata))?.[0] ?? null;

const has = (metadata: Metadata, key: RegExp): boolean => Object.keys(metadata).some((name) => key.test(name));

function softwareOf({ software }: Metadata): unknown {
  return (parsed(software) as { readonly name?: unknown } | null)?.name;
}

/** Steps and epochs of ai-toolkit, which writes both in one text, under the names of sd-scripts. */
export function progressIn(metadata: Metadata): Metadata {
  const { step, epoch } = (parsed(metadata.training_info) ?? {}) as {
    readonly step?: unknown;
    readonly epoch?: unknown;
  };
  return {
    ...(typeof step === 'number' ? { ss_steps: String(step) } : {}),
    ...(typeof epoch === 'number' ? { ss_num_epochs: String(epoch) } : {}),
  };
}

function parsed(text: string | undefined): object | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
