import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Gpu } from '../../../src/engine/hardware/types.ts';
import { CAPTIONS_IN_ADVANCE, memoryOf, memoryText, memoryWarnings } from '../../../src/engine/plan/memory.ts';
import { type Plan, planSchema } from '../../../src/engine/plan/schema.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { recipeFor } from '../../../src/registry/catalogue/recipes.ts';
import type { MemoryClass, ModelEntry } from '../../../src/registry/catalogue/schema.ts';
import { goals } from '../../../src/spec/schema.ts';

const root = join(import.meta.dirname, '../../..');
const fixture = planSchema.parse(JSON.parse(readFileSync(join(root, 'test/fixtures/plan.json'), 'utf8')));

interface Changes {
  family?: 'sd15' | 'sdxl';
  side?: number;
  training?: Partial<Plan['training']>;
  resources?: Partial<Plan['resources']>;
}

function plan({ family = 'sdxl', side = family === 'sdxl' ? 1024 : 512, training, resources }: Changes = {}): Plan {
  const [sample] = fixture.data.images;
  if (sample === undefined) throw new Error('the fixture has no pictures');
  return {
    ...fixture,
    model: { ...fixture.model, family },
    data: { ...fixture.data, images: [{ ...sample, bucket: [side, side] }] },
    training: { ...fixture.training, rank: 16, batch_size: 1, text_encoder_learning_rates: [0], ...training },
    resources: {
      ...fixture.resources,
      device: 'cuda:0',
      precision: 'bf16',
      attention: 'sdpa',
      gradient_checkpointing: 'none',
      ...resources,
    },
  };
}

const card = (total: number, free = total): Gpu => ({
  vendor: 'nvidia',
  index: 0,
  name: 'Card',
  totalBytes: total * 1e9,
  freeBytes: free * 1e9,
  driver: '570',
  capability: '8.9',
});

/** The table of bench/results/trainer-memory.txt, without its rows for attention layers alone. */
const counted = (() => {
  const text = readFileSync(join(root, 'bench/results/trainer-memory.txt'), 'utf8');
  const rows: [string, Plan['model']['family'], Partial<Plan['training']>, (number | null)[]][] = [];
  let family: Plan['model']['family'] = 'sdxl';
  let name: string | undefined;
  let training: Partial<Plan['training']> = {};
  for (const line of text.split('\n')) {
    if (/^SD1\.5 at/.test(line)) family = 'sd15';
    const named = /^(rank (\d+)(?:, LoCon of rank (\d+))?(, text encoders trained)?(, attention layers)?) \(/.exec(
      line,
    );
    if (named !== null) {
      const [, , rank, conv, encoders, attention] = named;
      name = attention === undefined ? named[1] : undefined;
      const rate = encoders === undefined ? 0 : 1e-4;
      const rates = family === 'sdxl' ? [rate, rate] : [rate];
      training = { rank: Number(rank), conv_rank: Number(conv ?? 0), text_encoder_learning_rates: rates };
    }
    const row = /batch (\d) +([\d.]+|-) +([\d.]+|-) +([\d.]+|-)$/.exec(line);
    const peaks = row?.slice(2).map((word) => (word === '-' ? null : Number(word)));
    if (row !== null && peaks !== undefined && name !== undefined)
      rows.push([`${family}, ${name}, batch ${row[1]}`, family, { ...training, batch_size: Number(row[1]) }, peaks]);
  }
  return rows;
})();

const GIB = 2 ** 30;

/** Rows of bench/results/memory-counts.json for runs on a card, as plans. */
const parts = Object.entries(
  JSON.parse(readFileSync(join(root, 'bench/results/memory-counts.json'), 'utf8')) as Record<string, { total: number }>,
)
  .filter(([name]) => !name.startsWith('small'))
  .map(([name, row]): [string, Plan, { total: number }] => {
    const [family = 'sdxl'] = name.split(' ') as ('sd15' | 'sdxl')[];
    const has = (word: string) => name.includes(word);
    const rate = has('text encoders') ? 1e-4 : 0;
    const training = {
      batch_size: Number(/batch (\d+)/.exec(name)?.[1] ?? 1),
      adapter: (['loha', 'lokr'] as const).find(has) ?? ('lora' as const),
      dora: has('dora'),
      text_encoder_learning_rates: family === 'sdxl' ? [rate, rate] : [rate],
    };
    const packing = (['int8', 'nf4'] as const).find(has) ?? 'same';
    const resources = {
      precision: has('fp32') ? ('fp32' as const) : ('bf16' as const),
      gradient_checkpointing: (['none', 'selective'] as const).find(has) ?? 'full',
      base_precision: has('encoders in') ? 'same' : packing,
      text_precision: has('encoders in') ? packing : 'same',
      stream_base: has('streamed'),
    } as const;
    return [name, plan({ family, training, resources }), row];
  });

describe('memory of a step', () => {
  it.each(counted)('of %s is the counted one', (_, family, training, peaks) => {
    for (const [i, gradient_checkpointing] of (['none', 'selective', 'full'] as const).entries()) {
      const bytes = memoryOf(plan({ family, training, resources: { gradient_checkpointing } }));
      const peak = peaks[i];
      if (peak !== null && peak !== undefined)
        expect(Math.abs((bytes ?? 0) / 2 ** 30 - 1 - peak)).toBeLessThan(0.06 + peak / 200);
    }
  });

  it.each(parts)('of %s is near the sum counted part by part', (_name, made, row) => {
    const bytes = memoryOf(made) ?? 0;
    expect(Math.abs((bytes - GIB) / row.total - 1)).toBeLessThan(0.06);
  });

  it('counts the largest batch, whatever its resolution', () => {
    const at = (resolution: number) => [{ resolution, batch_size: 4 }];
    const of = (training: Partial<Plan['training']>) => memoryOf(plan({ training: { ...training, batch_size: 1 } }));
    expect(of({ batch_size_at: at(1024) })).toBe(memoryOf(plan({ training: { batch_size: 4 } })));
    expect(of({ batch_size_at: at(512) })).toBe(of({}));
  });

  it('is shown by part where a card trains', () => {
    expect(memoryText(plan({ resources: { device: 'cpu' } }))).toEqual([]);
    const [line = ''] = memoryText(plan({ resources: { gradient_checkpointing: 'full', base_precision: 'nf4' } }));
    expect(line).toMatch(
      /^about 3\.\d GB of the card's memory: weights 1\.\d GB, activations \d+ MB, gradients \d+ MB, /,
    );
  });

  it('is compared with the whole table', () => {
    expect(counted).toHaveLength(30);
  });

  it('includes the text encoders where there are more captions than are encoded in advance', () => {
    const tags = 'a, b, c, d, e, f, g, h, i';
    const long = { steps: 20_000, gradient_accumulation: 1, batches_per_epoch: 1 };
    const gib = (data: Partial<Plan['data']>, training: Partial<Plan['training']> = long): number => {
      const made = plan({ training });
      const images = made.data.images.map((sample) => ({ ...sample, caption: tags, repeats: 1, validation: false }));
      return (
        (memoryOf({ ...made, data: { ...made.data, keep_tags: 1, tag_dropout: 0, images, ...data } }) ?? 0) / 2 ** 30
      );
    };
    const without = gib({ shuffle_tags: false });
    expect(gib({ shuffle_tags: true }) - without).toBeCloseTo(3.05);
    // No memory is added with few uses, with few different captions, or when encoders are trained and loaded anyway.
    expect(gib({ shuffle_tags: true }, { ...long, steps: 16_384 })).toBe(without);
    expect(gib({ shuffle_tags: true, keep_tags: 2 })).toBe(without);
    expect(gib({ shuffle_tags: true, keep_tags: 2, tag_dropout: 0.1 }) - without).toBeCloseTo(3.05);
    const trained = { ...long, text_encoder_learning_rates: [1e-4] };
    expect(gib({ shuffle_tags: true }, trained)).toBe(gib({ shuffle_tags: false }, trained));
  });

  it('knows how many captions the trainer encodes in advance', () => {
    const trainer = readFileSync(join(root, 'trainer/visiontrain_trainer/data/text.py'), 'utf8');
    expect(Number(/^CACHE_LIMIT = ([\d_]+)$/m.exec(trainer)?.[1]?.replaceAll('_', ''))).toBe(CAPTIONS_IN_ADVANCE);
  });

  const classes = loadRegistry({ configDir: '/nonexistent' }).models.flatMap((entry) =>
    entry.memory_classes.map((c) => [entry.id, c.title, entry, c]),
  );
  it.each(classes as [string, string, ModelEntry, MemoryClass][])(
    '%s on a %s fits it, for any goal',
    (...[, , entry, c]) => {
      for (const goal of goals) {
        const values = { ...recipeFor(entry, goal), ...c.values };
        const number = (key: string) => Number(values[key]);
        const bytes = memoryOf(
          plan({
            family: entry.family,
            side: number('dataset.resolution'),
            training: {
              rank: number('training.rank'),
              batch_size: number('training.batch_size'),
              text_encoder_learning_rates: [number('training.text_encoder_learning_rate')],
            },
            resources: {
              precision: 'bf16',
              gradient_checkpointing: values['resources.gradient_checkpointing'] as 'none' | 'selective' | 'full',
              base_precision: (values['resources.base_precision'] ?? 'same') as 'same' | 'int8',
            },
          }),
        );
        // Cards report a little less memory than their name says.
        expect(bytes).toBeLessThan((c.from_gb - 0.2) * 2 ** 30);
      }
    },
  );

  it('is not told for settings for which it was not counted', () => {
    expect(memoryOf(plan({ resources: { attention: 'math' } }))).toBeUndefined();
    expect(memoryWarnings(plan({ resources: { attention: 'math' } }), card(2))).toEqual([]);
    expect(memoryWarnings(plan(), undefined)).toEqual([]);
  });

  it('gives no warning where the run fits', () => {
    expect(memoryWarnings(plan(), card(16))).toEqual([]);
  });

  it.each([
    [{ batch_size: 2 }, 12, '--set resources.gradient_checkpointing=selective takes 9.2 GB'],
    [{ batch_size: 8 }, 13, '--set resources.gradient_checkpointing=full takes 12.1 GB'],
    [
      { batch_size: 16, gradient_accumulation: 2 },
      9,
      '--set training.batch_size=1 --set training.gradient_accumulation=32 --set resources.gradient_checkpointing=selective takes 8.1 GB',
    ],
    [{}, 6, '--set resources.gradient_checkpointing=full --set resources.base_precision=int8 takes 5.1 GB'],
    [{}, 3, '--set resources.gradient_checkpointing=full --set resources.stream_base=true takes 2.6 GB'],
    [{}, 2, 'a lower dataset.resolution or training.rank takes less'],
  ])('names the least change that makes %o fit %d GB', (training, total, cure) => {
    const [warning] = memoryWarnings(plan({ training }), card(total));
    expect(warning).toMatch(/^a step takes about [\d.]+ GB of memory, more than the [\d.]+ GB of Card: /);
    expect(warning?.split(': ')[1]).toBe(cure);
  });

  it('names a card that other programs use', () => {
    expect(memoryWarnings(plan(), card(16, 8))).toEqual([
      'a step takes about 13.0 GB of memory; of Card 8.0 GB are free: close what else uses it',
    ]);
  });
});
