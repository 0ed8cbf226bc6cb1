/** Keys of the section `training` that decide what kind of adapter is trained, and which layers it has. */
import { z } from 'zod';
import { count, doc, line, part, share } from './doc.ts';

export const adapters = ['lora', 'loha', 'lokr'] as const;

/** How LoKr splits a layer. */
export const lokrSchema = z.strictObject({
  factor: part(
    z.union([z.literal(-1), count(1, 1024)]).default(-1),
    'Size of the smaller part that each side is split into, where it divides; -1 makes both parts alike. 4 to 16 is usual.',
  ),
  decompose_both: part(z.boolean().default(false), 'Make the first part low-rank too, where that is smaller.'),
  full: part(z.boolean().default(false), 'Keep the second part whole, whatever the rank is.'),
});

/** How many of a LoRA's ranks are trained at a timestep (T-LoRA). */
export const tLoraSchema = z.strictObject({
  min_rank: part(count(1, 1024).default(1), 'Directions that are trained at the strongest noise too.'),
  power: part(
    z.number().positive().max(10).default(1),
    'How the others come in as the noise falls: 1 evenly, 2 later, 0.5 earlier.',
  ),
});

/** A rule for the layers whose names match a pattern, or that belong to a named set. */
export const layerRuleSchema = z.strictObject({
  match: part(
    line(300).min(1),
    'A layer’s name as kohya writes it, with * for any text, or a set: attention, self_attention, cross_attention, feedforward, style, b-lora-content, b-lora-style, unet, text_encoders.',
  ),
  train: part(z.boolean().default(true), 'false leaves these layers out.'),
  rank: part(count(1, 1024).nullable().default(null), 'Rank of these layers; null is that of the run.'),
  alpha: part(z.number().positive().max(4096).nullable().default(null), 'Their alpha; null is that of the run.'),
  rate: part(z.number().positive().max(100).default(1), 'Factor on the learning rate of these layers.'),
});

export const adapterKeys = {
  adapter: doc(
    z.enum(adapters).default('lora'),
    'Kind of adapter: lora, or loha and lokr (LyCORIS), which A1111, Forge and ComfyUI read too.',
    'lokr makes small files and learns slower: take two to four times the learning rate; loha has a high rank in few weights: take half.',
  ),
  lokr: doc(
    lokrSchema.nullable().default(null),
    'How lokr splits each layer; null has the usual numbers.',
    'A factor of 4 to 16 makes the file larger and lets it learn more; full is its largest form.',
  ),
  dora: doc(
    z.boolean().default(false),
    'Train the length of each input channel apart from its direction (DoRA, arXiv:2402.09353); for lora only.',
    'Learns nearer to full training at low ranks; takes more time and memory.',
  ),
  rslora: doc(
    z.boolean().default(false),
    'Scale by alpha ÷ the root of the rank (rank-stabilised, arXiv:2312.03732); the file holds an alpha that says the same.',
    'For ranks of 64 and more, which plain scaling slows down.',
  ),
  lora_plus_ratio: doc(
    z.number().min(1).max(100).nullable().default(null),
    'Train the weights that start at 0 at this many times the learning rate (LoRA+, arXiv:2402.12354); null is off.',
    'Learns faster: 4 to 16, with a lower learning rate.',
  ),
  rank_dropout: doc(
    share().lt(1).default(0),
    'Share of the LoRA’s directions dropped for each picture while training.',
    'Against copying, at ranks of 16 and more.',
  ),
  module_dropout: doc(
    share().lt(1).default(0),
    'Share of layers left out for each picture while training.',
    'Against copying; makes layers lean less on each other.',
  ),
  t_lora: doc(
    tLoraSchema.nullable().default(null),
    'Train fewer directions of the U-Net’s layers the stronger the noise is (T-LoRA, arXiv:2507.05964); null is off. The file is a plain LoRA, and samples use all of it, as every program does.',
    'For very few pictures: poses and backgrounds are copied less, since they are drawn at strong noise. Ranks of 16 to 64.',
  ),
  layers: doc(
    z.array(layerRuleSchema).max(100).default([]),
    'Rules for single layers: rank, alpha, rate, or not trained. They are tried in order, and the last that fits counts.',
    'To train only a style’s blocks, or give some more rank.',
  ),
};
