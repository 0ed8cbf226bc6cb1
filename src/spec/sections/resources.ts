/** The section `resources` of run.yaml: the device, its memory and its speed. */
import { z } from 'zod';
import { count, doc } from '../training/doc.ts';
import { packings, precisions, probes } from './choices.ts';

export const resourcesSchema = z.strictObject({
  device: doc(
    z
      .string()
      .regex(/^(auto|cpu|mps|cuda(:\d+)?)$/, 'must be auto, cpu, mps, cuda or cuda:N')
      .default('auto'),
    'Where to train.',
    'Choose a card on a machine with several.',
  ),
  devices: doc(
    z.union([z.enum(['auto', 'all']), count(1, 64), z.array(count(0, 63)).min(1).max(64)]).default('auto'),
    'Which cards train together, one process each: auto (one card), all, how many, or a list such as [0, 2]. batch_size is that of one card.',
    'Several cards take as many pictures a step; on the processor a number means processes.',
  ),
  nodes: doc(
    count(1, 64).default(1),
    'How many machines train together, each with the same cards. The same command is started on each.',
    'For clusters: see docs/several-cards.md.',
    'nodes',
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
  base_precision: doc(
    z.enum(packings).default('same'),
    "How the U-Net's weights are kept in memory: as precision says, in 8 bits (fp8, int8) or in 4 (nf4). It changes what is learned a little.",
    'int8 where 8 GB are short, nf4 where 6 GB are; a step takes longer.',
  ),
  text_precision: doc(
    z.enum(packings).default('same'),
    'The same for the text encoders.',
    'int8 where text encoders are trained on a small card.',
  ),
  stream_base: doc(
    z.boolean().default(false),
    "Keep the U-Net's weights in the machine's memory, and send each layer's to the card when it is needed.",
    'For a card that the weights alone would fill: the same numbers, slower. With base_precision there is less to send.',
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
  probe: doc(
    z.enum(probes).default('adjust'),
    'On a card, what two steps that are tried before the first may lead to: fewer images at once where memory is short, the end of the run, or nothing because none are tried.',
    'refuse where a step must take no more than was counted, as on a card that others use too.',
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

/** The keys that replace `devices` in plan.json. */
export const plannedDevices = {
  /** Processes that train together on all nodes; `batch_size` is the batch of one process. */
  processes: z.number().int().min(1),
  nodes: z.number().int().min(1),
  /**
   * Numbers of this machine's cards that train together, one process each; empty where a single process trains, or the
   * processor does.
   */
  cards: z.array(z.number().int().min(0)),
} as const;
