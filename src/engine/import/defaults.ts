/**
 * Defaults of other trainers for what their files leave out. These differ from our recipe's, and a run that should
 * match the original needs them. Pure.
 */
import type { ForeignPair } from './line.ts';
import type { TrainerName } from './read.ts';

interface Default {
  readonly word: string;
  readonly key: string;
  readonly value: unknown;
  /** The default in the notation of the trainer itself. */
  readonly theirs: string;
}

/** Defaults of `train_network.py` of sd-scripts, whose command line kohya_ss, LoRA_Easy and lora-scripts build too. */
const SD_SCRIPTS: readonly Default[] = [
  { word: 'network_alpha', key: 'training.alpha', value: 1, theirs: '1' },
  { word: 'min_snr_gamma', key: 'training.loss_weighting', value: 'none', theirs: 'none' },
  { word: 'lr_scheduler', key: 'training.schedule', value: 'constant', theirs: 'constant' },
  { word: 'lr_warmup_steps', key: 'training.warmup', value: 0, theirs: '0' },
  { word: 'max_grad_norm', key: 'training.max_grad_norm', value: 1, theirs: '1.0' },
  { word: 'shuffle_caption', key: 'dataset.shuffle_tags', value: false, theirs: 'false' },
  { word: 'keep_tokens', key: 'dataset.keep_tags', value: 0, theirs: '0' },
];

const ONETRAINER: readonly Default[] = [
  { word: 'lora_rank', key: 'training.rank', value: 16, theirs: '16' },
  { word: 'lora_alpha', key: 'training.alpha', value: 1, theirs: '1.0' },
  { word: 'epochs', key: 'training.steps', value: '100 epochs', theirs: '100' },
  { word: 'learning_rate_scheduler', key: 'training.schedule', value: 'constant', theirs: 'CONSTANT' },
  { word: 'learning_rate_warmup_steps', key: 'training.warmup', value: 200, theirs: '200' },
  { word: 'batch_size', key: 'training.batch_size', value: 1, theirs: '1' },
  { word: 'clip_grad_norm', key: 'training.max_grad_norm', value: 1, theirs: '1.0' },
  { word: 'loss_weight_fn', key: 'training.loss_weighting', value: 'none', theirs: 'CONSTANT' },
  { word: 'resolution', key: 'dataset.resolution', value: 512, theirs: '512' },
];

/** Words that every file of a whole run has. Without them a file is a template or a data set. */
const WHOLE: ReadonlySet<string> = new Set([
  'network_dim',
  'network_alpha',
  'network_module',
  'lora_rank',
  'training_method',
]);

/** The defaults for settings that a file of a whole run leaves out; `known` are our keys that already have a value. */
export function silentDefaults(
  trainer: TrainerName,
  pairs: readonly ForeignPair[],
  known: ReadonlyMap<string, unknown>,
): readonly Default[] {
  if (!pairs.some(({ name }) => WHOLE.has(name))) return [];
  const all = trainer === 'OneTrainer' ? ONETRAINER : trainer === 'ai-toolkit' ? [] : SD_SCRIPTS;
  return all.filter(({ key }) => !known.has(key) && !(key === 'training.loss_weighting' && weighs(known)));
}

/** Whether the loss has a weighting: a gamma of min-SNR is one, whatever word names it. */
const weighs = (known: ReadonlyMap<string, unknown>): boolean =>
  known.has('training.min_snr_gamma') && known.get('training.min_snr_gamma') !== null;
