/**
 * run.yaml, version 1: the one source of types, validation, JSON Schema, the comments in written files and the
 * reference page. A key has exactly one source for its default: `.default()` here when it holds for every model,
 * otherwise the recipe of the chosen base model (`presets/*.yaml`, see `recipeKeys` in registry/recipes.ts).
 *
 * Metadata on each key: `description` (what it is), `why` (why one would change it), `unit`.
 */
import { z } from 'zod';
import { CADENCE, EPOCHS } from './cadence.ts';
import { adapterKeys } from './training/adapter-keys.ts';
import { count, doc, line, share } from './training/doc.ts';
import { lossKeys } from './training/loss-keys.ts';
import { optimizerKeys, optimizers } from './training/optimizer-keys.ts';
import { scheduleKeys } from './training/schedule-keys.ts';
import { preservationKeys, subjectKeys } from './training/subject-keys.ts';

export const SPEC_VERSION = 1;

/** Steps, or a text with a unit, as `cadence.ts` reads it. */
const stepsOr = (least: number, pattern: RegExp, ...examples: readonly string[]) =>
  z.union([
    count(least, 10_000_000),
    z
      .string()
      .regex(pattern, `a text such as ${examples.join(' or ')}`)
      .meta({ examples: [...examples] }),
  ]);
const every = () => stepsOr(0, CADENCE, '2 epochs', '30m');

/** Names that a run may have, and with it the LoRA file. */
export const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export const goals = ['character', 'style', 'concept'] as const;
export const families = ['sd15', 'sdxl'] as const;
export const predictions = ['epsilon', 'v_prediction'] as const;
export const samplers = ['ddim', 'euler', 'euler_a', 'dpmpp_2m'] as const;
export const spacings = ['normal', 'trailing', 'karras'] as const;
export const precisions = ['fp32', 'bf16', 'fp16'] as const;
export const captionKinds = ['tags', 'sentences', 'both', 'endpoint'] as const;

const datasetSchema = z.strictObject({
  path: doc(
    line(4096).min(1),
    'Folder with the pictures; relative to this file. Sub-folders count too. Nothing in it is ever changed.',
    'Point it at another folder to train on other pictures.',
  ),
  include: doc(
    z.array(line(4096).min(1)).max(100).default([]),
    'Folders or files, by name or path inside, that are used although they look like masks, regularisation images or samples.',
    'When what is passed over is the subject after all.',
  ),
  goal: doc(
    z.enum(goals).default('concept'),
    'What the pictures teach: a character or thing, a style, or a concept (a pose, a kind of place).',
    'It picks the recipe: a style wants more steps and less weight on the subject.',
  ),
  trigger: doc(
    line(200).default(''),
    'Word that calls the LoRA in a prompt; put in front of every caption that does not hold it. Empty: none.',
    'Use a word the base model does not know, so that nothing else is overwritten.',
  ),
  caption_extension: doc(
    line(32)
      .regex(/^\.[A-Za-z0-9._-]+$/, 'must look like .txt')
      .default('.txt'),
    'Ending of the caption file beside each picture.',
    'sd-scripts data sets often use .caption.',
  ),
  caption_prefix: doc(
    line(2000).default(''),
    'Text put before every caption, after the trigger.',
    'Quality tags a base model wants.',
  ),
  caption_suffix: doc(line(2000).default(''), 'Text put after every caption.', 'A style all pictures share.'),
  default_caption: doc(
    line(2000).default(''),
    'Caption of pictures that have none.',
    'With an empty one they are trained on the trigger alone.',
  ),
  shuffle_tags: doc(
    z.boolean(),
    'Shuffle the comma-separated tags of a caption at each use, behind the trigger.',
    'Helps with booru tags; harms sentences.',
  ),
  keep_tags: doc(
    count(0, 100).default(1),
    'How many tags at the front stay in place when tags are shuffled or dropped; the trigger always does.',
    'Keep more than the trigger in front.',
    'tags',
  ),
  caption_dropout: doc(
    share().default(0),
    'Share of uses with an empty caption.',
    'A little (0.05) keeps guidance working on long runs.',
  ),
  tag_dropout: doc(
    share().default(0),
    'Share of tags left out at each use, never of the trigger.',
    'Makes single tags matter less.',
  ),
  repeats: doc(
    count(1, 10_000).default(1),
    'How often each picture is used in an epoch.',
    'Only changes what one epoch means; steps decide the length.',
    'times',
  ),
  resolution: doc(
    count(64, 4096),
    'Training size: the side of the square whose area every bucket has.',
    'Use the size the base model was made for.',
    'px',
  ),
  buckets: doc(
    z.boolean().default(true),
    'Keep the shape of each picture (aspect-ratio buckets) instead of cropping to a square.',
    'Off: everything is cropped to a square.',
  ),
  bucket_step: doc(
    count(8, 256).multipleOf(8),
    'Sides of buckets are multiples of this.',
    'Smaller steps crop less and make more shapes.',
    'px',
  ),
  bucket_min: doc(count(64, 4096), 'Shortest side of a bucket.', 'Raise it to avoid extreme shapes.', 'px'),
  bucket_max: doc(count(64, 8192), 'Longest side of a bucket.', 'Lower it to save memory on panoramas.', 'px'),
  no_upscale: doc(
    z.boolean().default(false),
    'Never enlarge a small picture; its bucket is smaller instead.',
    'On when blown-up pictures would teach blur.',
  ),
  crop: doc(
    z.enum(['center', 'random']).default('center'),
    'Which part is kept when a picture does not fill its bucket.',
    'random shows more of the edges over many epochs.',
  ),
  flip: doc(
    z.boolean().default(false),
    'Mirror half of the uses.',
    'Doubles small data sets; wrong for text, logos and asymmetric subjects.',
  ),
  alpha_color: doc(
    z
      .string()
      .regex(/^#[0-9a-fA-F]{6}$/, 'must look like #ffffff')
      .default('#ffffff'),
    'Colour behind transparent pictures.',
    'Pick one your subject does not have.',
  ),
  ...subjectKeys,
  validation_share: doc(
    z.number().min(0).max(0.5),
    'Share of pictures kept out of training to measure the loss on.',
    'With very few pictures, 0 keeps all of them for training.',
  ),
});

export const captionsSchema = z.strictObject({
  write: doc(
    z.enum(captionKinds).nullable().default(null),
    'Captions that are written for pictures without one: tags, sentences, both, or what an endpoint says; null: none. They lie outside the data set, and your own files always win.',
    'Tags for bases that were taught with booru tags (Pony, Illustrious), sentences for SD1.5 and SDXL.',
  ),
  tagger: doc(
    line(4096).min(1).default('wd-eva02-large-tagger-v3'),
    'What writes tags: a tagger from `visiontrain models list`, or a folder with model.onnx and selected_tags.csv.',
    'wd-vit-tagger-v3 is four times as fast on a processor.',
  ),
  threshold: doc(
    z.number().min(0.05).max(1).default(0.35),
    'Least probability of a tag.',
    '0.25 names more; 0.5 is usual for a style. Changing it runs no model again.',
  ),
  character_threshold: doc(
    z.number().min(0.05).max(1).default(0.85),
    'Least probability of the name of a known character.',
    '1 names none, for a character of your own and for styles.',
  ),
  ratings: doc(
    z.enum(['none', 'danbooru', 'pony']).default('none'),
    'Whether the tags end with a rating: of Danbooru (general, sensitive …), or as Pony knows them (rating_safe …).',
    'When the base was taught with ratings and the pictures differ in them.',
  ),
  exclude: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Tags that are never written.',
    'What the tagger sees where it is not.',
  ),
  captioner: doc(
    line(4096).min(1).default('florence-2-base'),
    'What writes sentences: a captioner from `visiontrain models list`, or a folder in the form of transformers (Florence-2, BLIP).',
    'blip-large writes short ones.',
  ),
  length: doc(
    z.enum(['short', 'medium', 'long']).default('medium'),
    'Length of a sentence by Florence-2.',
    'long names more of the background.',
  ),
  endpoint: doc(
    line(2000)
      .regex(/^https?:\/\/[^\s@]+$/u, 'must look like http://localhost:11434/v1, without a password in it')
      .nullable()
      .default(null),
    "Address of a server that speaks OpenAI's protocol, for write: endpoint. Its key is read from VISIONTRAIN_CAPTION_KEY. The pictures are sent there.",
    'For JoyCaption, Qwen-VL and others through Ollama, vLLM or llama.cpp.',
  ),
  endpoint_model: doc(line(200).default(''), 'Name of the model at the endpoint.', 'As its list of models has it.'),
  prompt: doc(
    line(4000).min(1).default('Describe this picture in one or two plain sentences.'),
    'What the model at the endpoint is asked.',
    'Ask for tags, or for what your subject needs.',
  ),
  replace: doc(
    z
      .array(line(500).regex(/^[^,]*\S\s*->.*$/u, "must look like 'old tag -> new tag'"))
      .max(1000)
      .default([]),
    'Rules over every caption, your own and written ones, in this order. First, tags that become others: old -> new. Files stay as they are.',
    'To mend spellings, or to say one thing in one way.',
  ),
  remove: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Then tags that are left out; * stands for any letters. Whole tags only: cat is not cat ears.',
    'What the trigger word is to absorb: `visiontrain dataset tags` proposes it.',
  ),
  keep_only: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Then, when there are any here, all tags but these are left out.',
    'To train on a few tags only.',
  ),
  dedupe: doc(
    z.boolean().default(false),
    'Then tags that come again are left out, whatever their case and underscores.',
    'When captions were joined from several sources.',
  ),
  add_first: doc(
    z.array(line(200).min(1)).max(100).default([]),
    'Then tags that are put first.',
    'What every picture shows.',
  ),
  add_last: doc(z.array(line(200).min(1)).max(100).default([]), 'And tags that are put last.', 'A style or a rating.'),
  limit: doc(
    count(0, 1000).default(0),
    'At last, most tags of a caption; 0: all.',
    'Long lists of tags teach each of them less.',
    'tags',
  ),
  protect: doc(
    z.array(line(200).min(1)).max(1000).default([]),
    'Tags that no rule removes; * stands for any letters.',
    'To remove *hair but red hair.',
  ),
});

const modelSchema = z.strictObject({
  base: doc(
    line(4096).min(1),
    'Base model: an id from `visiontrain models list`, or the path of a .safetensors file or diffusers folder.',
    'A LoRA works best on the model it was trained on.',
  ),
  family: doc(
    z.enum(families),
    'Architecture of the base model (read from the file and compared).',
    'Never, unless the base changes.',
  ),
  prediction: doc(
    z.enum(predictions),
    'What the base predicts: noise (epsilon) or velocity (v_prediction).',
    'Never, unless the base changes: a mismatch trains noise.',
  ),
  zero_terminal_snr: doc(
    z.boolean(),
    'Noise schedule rescaled to zero terminal SNR (arXiv:2305.08891).',
    'On only for bases made so, such as NoobAI v-prediction.',
  ),
  vae: doc(
    line(4096).min(1).nullable().default(null),
    'Another VAE: registry id or path. null: the one of the base.',
    'SDXL in fp16 needs sdxl-vae-fp16-fix.',
  ),
  clip_skip: doc(
    count(1, 4),
    'Which layer of the text encoder is read, counted from the end; 1 is the last. SD1.5 only.',
    '2 for anime bases of SD1.5.',
    'layers',
  ),
});

const trainingSchema = z.strictObject({
  seed: doc(
    count(0, 2 ** 32 - 1).default(42),
    'All randomness of the run comes from it.',
    'Another seed is another, equally good run.',
  ),
  steps: doc(
    stepsOr(1, EPOCHS, '10 epochs'),
    'Length of the run: optimiser steps, or whole epochs, as in "10 epochs".',
    'More learns more, until it copies the pictures.',
    'steps',
  ),
  batch_size: doc(
    count(1, 1024),
    'Pictures in one forward pass.',
    'Larger is steadier and faster per picture, and needs more memory.',
    'pictures',
  ),
  gradient_accumulation: doc(
    count(1, 1024).default(1),
    'Forward passes per optimiser step.',
    'A larger effective batch in the same memory.',
    'passes',
  ),
  learning_rate: doc(
    z.number().positive().max(10),
    'Learning rate of the U-Net.',
    'Too high gives noise and stiff poses, too low learns nothing.',
  ),
  text_encoder_learning_rate: doc(
    z.union([z.number().min(0).max(10), z.array(z.number().min(0).max(10)).length(2)]),
    'Learning rate of the text encoder; 0 leaves it as it is. SDXL may name two: [first, second].',
    'Training it binds the trigger faster and bleeds more into other prompts.',
  ),
  optimizer: doc(
    z.enum(optimizers).default('adamw'),
    'Optimiser.',
    'adamw8bit, adafactor, lion and came save memory; prodigy finds its own rate: set learning_rate 1, that of the text encoder 1 or 0.',
  ),
  ...optimizerKeys,
  weight_decay: doc(
    z.number().min(0).max(1).default(0.01),
    'Pull of the weights towards zero.',
    'More keeps a long run milder.',
  ),
  betas: doc(
    z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
    'Decay of the optimiser averages.',
    'Rarely.',
  ),
  ...scheduleKeys,
  max_grad_norm: doc(
    z.number().min(0).max(1000).default(1),
    'Gradients longer than this are shortened to it; 0 turns it off.',
    'Lower when the loss jumps.',
  ),
  max_weight_norm: doc(
    z.number().positive().max(1000).nullable().default(null),
    'Layers whose weight change is longer than this are shortened to it after each step; null is off.',
    'Keeps a LoRA from burning and mixes better with others: 1 is usual.',
  ),
  rank: doc(
    count(1, 1024),
    'Size of the LoRA: how many directions each layer may learn.',
    'More for a style with much detail; less is smaller and milder.',
  ),
  alpha: doc(
    z.number().positive().max(4096),
    'Strength scale: the LoRA acts times alpha ÷ rank.',
    'Changing it is like changing the learning rate.',
  ),
  dropout: doc(
    z.number().min(0).max(0.9).default(0),
    'Share of LoRA inputs dropped while training.',
    'A little (0.1) against copying.',
  ),
  targets: doc(
    z.enum(['all', 'attention']).default('all'),
    'Layers that learn of the transformer blocks: all linear and 1×1 ones, or attention only.',
    'attention is smaller and learns less of style.',
  ),
  conv_rank: doc(
    count(0, 1024).default(0),
    'Rank of the 3×3 convolutions (LoCon; the other layers of their blocks then learn at `rank`); 0 is off.',
    'Helps styles with texture.',
  ),
  conv_alpha: doc(z.number().positive().max(4096).default(1), 'Alpha of the convolution part.', 'As alpha.'),
  ...adapterKeys,
  ...lossKeys,
  ...preservationKeys,
  init_lora: doc(
    line(4096).min(1).nullable().default(null),
    'Go on from this LoRA file. null: start new.',
    'To teach an existing LoRA more.',
  ),
});

const samplesSchema = z.strictObject({
  every: doc(
    every(),
    'Make sample pictures each this many steps, or as in "2 epochs" and "30m" (minutes); 0: only before and after.',
    'More pictures take time from training.',
    'steps',
  ),
  prompts: doc(
    z.array(line(2000)).max(64),
    'Prompts of the samples, the trigger included where wanted. Behind one may stand what is its own, as in sd-scripts: --n negative, --w width, --h height, --d seed, --s steps, --l guidance, --am strength of the LoRA.',
    'Use what you want the LoRA for.',
  ),
  negative: doc(
    line(2000).default(''),
    'Negative prompt of all samples.',
    'What your base model is usually told to avoid.',
  ),
  sampler: doc(
    z.enum(samplers).default('ddim'),
    'How a sample is drawn from noise.',
    'The one your own program draws with, so that samples look as its pictures do.',
  ),
  spacing: doc(
    z.enum(spacings).default('trailing'),
    'How the steps of a sample lie between noise and picture (schedule type in A1111).',
    'karras with dpmpp_2m is common; ddim has trailing only.',
  ),
  steps: doc(count(1, 500), 'Denoising steps of a sample.', 'Fewer is faster and rougher.', 'steps'),
  guidance: doc(
    z.number().min(1).max(30),
    'Classifier-free guidance scale of the samples.',
    'As the base model wants it.',
  ),
  seed: doc(
    count(0, 2 ** 32 - 1).default(1),
    'Seed of the first sample; the next prompt has the next seed.',
    'The same seed lets you compare.',
  ),
});

const outputSchema = z.strictObject({
  precision: doc(z.enum(precisions).default('fp16'), 'Number format of the LoRA file.', 'fp32 to train on from it.'),
  metadata: doc(
    z.enum(['full', 'minimal', 'none']).default('full'),
    'What the file says of its making: everything, only what programs need, or nothing.',
    'full tells tag counts and folder names of your data set.',
  ),
  diffusers: doc(
    z.boolean().default(false),
    'Also write the LoRA with diffusers names.',
    'For diffusers code that cannot read kohya names.',
  ),
  checkpoint_every: doc(
    every(),
    'Save a full, resumable checkpoint each this many steps, or as in "2 epochs" and "30m"; 0: only at the end or when stopped.',
    'Less work is lost if the machine dies.',
    'steps',
  ),
  checkpoint_keep: doc(count(1, 1000).default(3), 'How many checkpoints stay.', 'More needs more disk.', 'checkpoints'),
  save_every: doc(
    every().nullable().default(null),
    'Also write the LoRA file as it is by then, as checkpoint_every is written; null: with each checkpoint; 0: only at the end or when stopped.',
    'To try earlier ones: the last is not always the best.',
    'steps',
  ),
  save_keep: doc(
    count(1, 10_000).nullable().default(null),
    'How many of those files stay, the newest and the best; null: all.',
    'A number where the disk is small.',
    'files',
  ),
});

const resourcesSchema = z.strictObject({
  device: doc(
    z
      .string()
      .regex(/^(auto|cpu|mps|cuda(:\d+)?)$/, 'must be auto, cpu, mps, cuda or cuda:N')
      .default('auto'),
    'Where to train.',
    'Choose a card on a machine with several.',
  ),
  precision: doc(
    z.enum(precisions),
    'Number format of the base model while training; the LoRA itself is always fp32.',
    'fp16 on cards without bf16.',
  ),
  vae_precision: doc(
    z.enum(precisions).default('fp32'),
    'Number format of the VAE while pictures are encoded.',
    'The SDXL VAE overflows in fp16.',
  ),
  gradient_checkpointing: doc(
    z.enum(['none', 'selective', 'full']),
    'Save memory by computing parts of the forward pass twice.',
    'none is up to 1.6 × faster where it fits.',
  ),
  attention: doc(z.enum(['sdpa', 'math']).default('sdpa'), 'Attention kernels.', 'math is the slow reference.'),
  channels_last: doc(
    z.boolean().default(false),
    'Memory layout of convolutions.',
    'Often faster on cards with tensor cores.',
  ),
  tf32: doc(z.boolean().default(false), 'Allow TF32 in fp32 parts on NVIDIA cards.', 'Faster, slightly coarser.'),
  compile: doc(
    z.boolean().default(false),
    "torch.compile of the U-Net's transformer blocks, where a C++ compiler or Triton is there.",
    'Pays on runs of an hour and more.',
  ),
  deterministic: doc(
    z.boolean().default(true),
    'Only kernels that give the same bytes each time.',
    'Off saves a sixth of a step on a GPU; the same run is then no longer byte-identical.',
  ),
  workers: doc(
    count(0, 64).default(0),
    'Loader processes while pictures are encoded.',
    'More for large data sets on fast disks.',
    'processes',
  ),
  threads: doc(
    count(1, 512).nullable().default(null),
    'CPU threads of torch; null: all cores. The result on a CPU depends on it.',
    'Leave cores for others.',
    'threads',
  ),
});

export const specSchema = z.strictObject({
  version: doc(
    z.literal(SPEC_VERSION),
    'Version of this file format.',
    'Never by hand; `visiontrain` migrates older files.',
  ),
  name: doc(
    z.string().regex(RUN_NAME, 'letters, digits, dot, dash and underscore, 100 at most'),
    'Name of the run and of the LoRA file; left out, the name of the folder with the pictures.',
    'So that you find it again.',
  ),
  dataset: datasetSchema,
  captions: captionsSchema.prefault({}),
  model: modelSchema,
  training: trainingSchema,
  samples: samplesSchema,
  output: outputSchema,
  resources: resourcesSchema,
});

/** A complete run.yaml: every choice explicit. */
export type RunSpec = z.output<typeof specSchema>;
export type Goal = (typeof goals)[number];
export type Family = (typeof families)[number];
export type Prediction = (typeof predictions)[number];

/** Who chose a value. The chooser is written as a comment beside it. */
export const choosers = ['you', 'preset', 'detected'] as const;
export type Chooser = (typeof choosers)[number];
/** Dotted key → who chose it. A key that is missing was chosen by `preset`. */
export type Provenance = Readonly<Record<string, Chooser>>;
