/** Sample prompts from captions: which captions are drawn, and which never are. */
import { describe, expect, it } from 'vitest';
import { captionPrompts, withCaptionPrompts } from '../../../src/engine/prepare/caption-prompts.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { promptedAgain } from '../../../src/engine/prepare/prompted.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { findings } from '../../../src/spec/rules.ts';

const registry = loadRegistry({ configDir: '/nowhere' });

function filled(base = 'sd15', dataset: object = {}, samples?: object) {
  const given = { path: '.', goal: 'character', trigger: 'zwx', ...dataset };
  return fillSpec({ name: 'fox', dataset: given, model: { base }, ...(samples && { samples }) }, registry);
}

const image = (caption: string, validation = false, regularisation = false) => ({
  caption,
  validation,
  regularisation,
});
const images = (trained: readonly string[], held: readonly string[] = []) => [
  ...trained.map((text) => image(text)),
  ...held.map((text) => image(text, true)),
];
const promptsOf = (all: ReturnType<typeof images>, base?: string, dataset?: object) =>
  captionPrompts(all, filled(base, dataset).spec);

const TAGS = [
  'zwx, red hair, blue eyes, school uniform, smile',
  'zwx, red hair, blue eyes, school uniform, window',
  'zwx, red hair, blue eyes, school uniform, rain',
  'zwx, red hair, blue eyes, swimsuit, beach, sun',
  'zwx, red hair, blue eyes, swimsuit, beach, sea',
];

describe('captionPrompts', () => {
  it('takes captions of images kept out of training as they are, and the last prompt of the recipe', () => {
    const held = ['zwx, red hair, school uniform, stairs', 'zwx, red hair, swimsuit, pool'];
    const found = promptsOf(images(TAGS, held));
    expect(found).toHaveLength(3);
    expect(new Set(found.slice(0, 2))).toEqual(new Set(held));
    expect(found[2]).toBe('a photo of zwx in a forest, soft light');
  });

  it('takes captions that are most like the others, of several kinds, whatever their order', () => {
    const held = [...TAGS.slice(0, 2).map((tags) => `${tags}, night`), 'zwx, cave, torch, armour', `${TAGS[3]}, night`];
    const found = promptsOf(images(TAGS, held));
    expect(found.slice(0, 2)).toEqual([expect.stringContaining('school'), expect.stringContaining('swimsuit')]);
    expect(promptsOf(images(TAGS.toReversed(), held.toReversed()))).toEqual(found);
  });

  it('never draws a caption that is trained on word for word, nor its tags in another order', () => {
    const found = promptsOf(images(TAGS, ['zwx, smile, school uniform, blue eyes, red hair']));
    const tags = (text: string) => new Set(text.split(', '));
    for (const prompt of found) for (const caption of TAGS) expect(tags(prompt)).not.toEqual(tags(caption));
    expect(found[0]).toBe('zwx, red hair, blue eyes, school uniform');
    expect(found[1]).toMatch(/^zwx, red hair, blue eyes, swimsuit, beach$/u);
    const said = ['a photo of zwx, on a red sofa, at night', 'a photo of zwx, on a red sofa, by day', 'zwx runs'];
    expect(promptsOf(images(said))[0]).toBe('a photo of zwx, on a red sofa');
  });

  it('puts the trigger in front of tags, and quality as the base has it around them', () => {
    const held = ['red hair, blue eyes, zwx, stairs'];
    expect(promptsOf(images(TAGS, held))[0]).toBe('zwx, red hair, blue eyes, stairs');
    expect(promptsOf(images(TAGS, held), 'pony')[0]).toBe(
      'score_9, score_8_up, score_7_up, zwx, red hair, blue eyes, stairs',
    );
    const own = ['score_9, zwx, red hair, blue eyes, stairs'];
    expect(promptsOf(images(TAGS, own), 'pony')[0]).toBe(
      'score_8_up, score_7_up, zwx, score_9, red hair, blue eyes, stairs',
    );
  });

  it.each([
    ['flags of prompts', 'a photo of zwx in the rain --w 512 --d 3'],
    ['another flag', 'a photo of zwx in the rain --ctr edge'],
    ['wildcards', 'a photo of zwx in {rain|snow} today'],
    ['wildcards over tags', 'zwx, red {hair, eyes|dress, hat}, smile'],
    ['separators', 'zwx ||| red hair, blue eyes, smile'],
    ['emphasis', 'a photo of zwx in (heavy rain:1.3) today'],
    ['a LoRA', 'a photo of zwx in rain <lora:fox:1>'],
    ['a comment', '# a photo of zwx in the rain'],
    ['nothing', ''],
    ['the trigger alone', 'zwx'],
    ['quality alone', 'zwx, masterpiece, best quality'],
    ['too much', `a photo of zwx ${'in the rain '.repeat(200)}`],
  ])('draws no caption with %s', (_, caption) => {
    expect(promptsOf(images([caption], [caption, caption]))).toEqual([]);
    const among = promptsOf(images([], [caption, 'a photo of zwx by the sea']));
    expect(among[0]).toBe('a photo of zwx by the sea');
    expect(among.join('\n')).not.toContain('rain');
  });

  it('leaves out tags that other programs read as commands, and takes the first line and choice', () => {
    expect(promptsOf(images([], ['zwx, miku \\(vocaloid\\), red hair, smile']))[0]).toBe('zwx, red hair, smile');
    const options = { wildcards: true, lines: 'random', keep_separator: '|||' };
    const found = promptsOf(images([], ['zwx in {rain|snow}, at night\nanother line']), 'sd15', {
      caption_options: options,
    });
    expect(found[0]).toBe('zwx in rain, at night');
  });

  it('knows nothing of regularisation images, and gives none without captions or prompts', () => {
    expect(captionPrompts([image('a photo of a dog by the sea', true, true)], filled().spec)).toEqual([]);
    expect(promptsOf([])).toEqual([]);
    const none = filled('sd15', {}, { prompts: [] }).spec;
    expect(captionPrompts(images([], ['a photo of zwx by the sea']), none)).toEqual([]);
  });

  it('gives prompts that run.yaml takes, of many captions in little time', () => {
    const many = Array.from({ length: 5000 }, (_, i) => `zwx, tag ${i % 7}, tag ${i % 11}, tag ${i % 301}, n${i}`);
    const { spec } = withCaptionPrompts(
      filled(),
      images(
        many,
        many.slice(0, 600).map((text) => `${text}, x`),
      ),
    );
    expect(spec.samples.prompts).toHaveLength(3);
    expect(findings(spec, 'error')).toEqual([]);
    expect(findings(spec, 'warning').filter(({ key }) => key === 'samples.prompts')).toEqual([]);
  });
});

describe('withCaptionPrompts', () => {
  const held = images(TAGS, ['zwx, red hair, school uniform, stairs']);

  it('reports that they were found', () => {
    const { spec, provenance } = withCaptionPrompts(filled(), held);
    expect(spec.samples.prompts[0]).toBe('zwx, red hair, school uniform, stairs');
    expect(provenance['samples.prompts']).toBe('detected');
  });

  it('leaves prompts alone that a person gave, even when equal to the recipe’s', () => {
    for (const prompts of [['a zwx'], filled().spec.samples.prompts]) {
      const given = filled('sd15', {}, { prompts });
      expect(withCaptionPrompts(given, held)).toBe(given);
    }
  });

  it('takes prompts of a file for nobody’s where its comment says so and the run writes captions', () => {
    const { spec, provenance } = filled();
    for (const [write, who, isOpen] of [
      ['tags', 'preset', true],
      ['tags', 'you', false],
      [null, 'preset', false],
    ] as const) {
      const given = {
        spec: { ...spec, captions: { ...spec.captions, write } },
        provenance: { ...provenance, 'samples.prompts': who },
        openPrompts: false,
      };
      expect(withCaptionPrompts(given, held) === given).toBe(!isOpen);
    }
  });
});

describe('promptedAgain', () => {
  const recipe = filled();
  const written = images(TAGS, ['zwx, red hair, school uniform, stairs']);
  /** The run.yaml of a run of which one image had a caption when it was made. */
  const early = withCaptionPrompts(recipe, images([], ['zwx, cave, torch, armour']));

  it('draws from all captions once they are written, as if they had been there from the beginning', () => {
    expect(early.spec.samples.prompts[0]).toBe('zwx, cave, torch, armour');
    const loaded = { ...early, openPrompts: false };
    expect(promptedAgain(loaded, written, recipe.spec.samples.prompts)?.spec).toEqual(
      withCaptionPrompts(recipe, written).spec,
    );
  });

  it('changes nothing where captions give none, or a person chose the prompts before or since', () => {
    const prompts = recipe.spec.samples.prompts;
    expect(promptedAgain(early, images(['zwx']), prompts)).toBeUndefined();
    expect(promptedAgain(early, written, undefined)).toBeUndefined();
    const edited = { ...early, provenance: { ...early.provenance, 'samples.prompts': 'you' as const } };
    expect(promptedAgain(edited, written, prompts)).toBeUndefined();
  });
});
