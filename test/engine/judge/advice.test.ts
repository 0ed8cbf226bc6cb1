import { describe, expect, it } from 'vitest';
import { advise } from '../../../src/engine/judge/advice.ts';
import { judgeRequest } from '../../../src/engine/judge/request.ts';
import type { JudgeRequest, JudgeRow } from '../../../src/engine/judge/schema.ts';
import type { Plan } from '../../../src/engine/plan/schema.ts';
import { fixturePlan } from '../../helpers/fixture-run.ts';

const request: JudgeRequest = {
  steps: [400, 800, 1200],
  strengths: [1],
  prompts: [
    { text: 'zfx, a fox', negative: '', trigger: true, image: null, shot: null },
    { text: 'a fox', negative: '', trigger: false, image: null, shot: null },
  ],
  seeds: [1, 2],
  likeness: null,
  fit: null,
};

interface Shown {
  readonly likeness?: number;
  readonly bleeding?: number;
  readonly change?: number;
  readonly copied?: number;
  readonly image?: string;
}

function row(step: number, { likeness, bleeding = 0, change = 0, copied = 0, image = 'fox_07.png' }: Shown): JudgeRow {
  return {
    step,
    strength: step === 0 ? 0 : 1,
    validation: { loss: 0.1 + change, stderr: 0.01 },
    change: step === 0 ? null : { value: change, stderr: 0.001, each: [] },
    likeness: likeness === undefined ? null : { value: likeness, stderr: 0.2, each: [likeness - 0.2, likeness + 0.2] },
    fit: null,
    bleeding: { value: bleeding, stderr: 0.01, each: [bleeding] },
    diversity: { value: 0.1, stderr: 0.01, each: [0.1] },
    copies: {
      ...{ samples: 8, copied: 2 * copied, prompts: 4, prompts_copied: copied },
      by_chance: 0.1,
      usual: 0.8,
      nearest: { sample: 'judge/a.png', image: `data/${image}`, alike: 0.9 },
    },
    samples: [],
    neighbours: null,
  };
}

describe('the advice', () => {
  it('takes the row nearest to images kept out of training, among those that bleed least and copy nothing', () => {
    const rows = [
      row(0, { likeness: 0.4 }),
      row(400, { likeness: 0.5, bleeding: 0.02, change: -0.01 }),
      // The likeness differs from prompt to prompt far more than from row to row.
      row(800, { likeness: 0.7, bleeding: 0.05, change: -0.02 }),
      row(1000, { likeness: 0.7, bleeding: 0.2, change: -0.02 }),
      row(1200, { likeness: 0.9, change: -0.01, copied: 4 }),
    ];
    const { step, strength, text, doubt } = advise(rows, request);
    expect([step, strength]).toEqual([800, 1]);
    expect(text).toBe(
      'Step 800 at strength 1: of those that copy nothing none is clearly nearer to pictures kept out of training, or has a clearly lower loss on them; step 1200 copies fox_07.png.',
    );
    expect(doubt).toContain('cannot see what a picture shows');
    expect(doubt).toContain('4 samples a row are few');
  });

  it('leaves out rows with a surely higher loss where likeness tells nothing', () => {
    const early = row(400, { likeness: 0.6, change: -0.01 });
    const rows = [row(0, { likeness: 0.4 }), early, row(800, { likeness: 0.6, bleeding: 0.1, change: -0.03 })];
    expect(advise(rows, request).step).toBe(800);
    expect(advise([...rows.slice(0, 2), row(800, { likeness: 0.6, change: -0.0105 })], request).step).toBe(400);
  });

  it('compares losses image by image, which differ far less from row to row than the images do', () => {
    // The images' changes lie 0.04 apart, so each row's error is 0.02; from row to row each falls by 0.008 to 0.012.
    const measured = (step: number, bleeding: number, each: number[][]) => {
      const values = each.flat();
      const value = values.reduce((sum, one) => sum + one, 0) / values.length;
      return { ...row(step, { likeness: 0.6, bleeding }), change: { value, stderr: 0.02, each } };
    };
    const early = measured(400, 0, [[-0.06], [-0.02], [-0.04], [0]]);
    const late = measured(800, 0.1, [[-0.068], [-0.032], [-0.05], [-0.01]]);
    expect(advise([row(0, {}), early, late], request).step).toBe(800);
    // Where the images disagree on which row is better, neither is.
    const wavering = measured(800, 0.1, [[-0.1], [0.02], [-0.08], [0]]);
    expect(advise([row(0, {}), early, wavering], request).step).toBe(400);
    // Many draws of noise on two images are not many images.
    const two = [
      [-0.04, -0.04, -0.04, -0.04],
      [-0.04, -0.04, -0.04, -0.04],
    ];
    const one = [
      [-0.08, -0.08, -0.08, -0.08],
      [-0.03, -0.03, -0.03, -0.03],
    ];
    expect(advise([row(0, {}), measured(400, 0, two), measured(800, 0.1, one)], request).step).toBe(400);
    // A judgement of before holds no such values.
    const old = (found: JudgeRow) => ({ ...found, change: found.change && { ...found.change, each: [] } });
    expect(advise([row(0, {}), old(early), old(late)], request).step).toBe(400);
  });

  it('does not count as copying as many copied prompts as runs that copy nothing have by chance', () => {
    const chance = (copied: number) => {
      const found = row(400, { likeness: 0.6 });
      return { ...found, copies: found.copies && { ...found.copies, prompts: 6, prompts_copied: copied } };
    };
    // When each of six prompts is copied in one row of ten by chance, 16 of 1000 rows copy three or more, and 114 copy
    // two or more.
    expect(advise([row(0, {}), chance(2)], request).step).toBe(400);
    expect(advise([row(0, {}), chance(3)], request).step).toBeNull();
    // With four rows, only 12 of 1000 may be called copying by chance for each of them.
    const four = [100, 200, 300].map((step) => row(step, { likeness: 0.6 }));
    expect(advise([row(0, {}), ...four, chance(3)], request).copying).toEqual([]);
    expect(advise([row(0, {}), ...four, chance(4)], request).copying).toEqual([{ step: 400, strength: 1 }]);
  });

  it('does not count as copying single samples whose other seeds copy nothing', () => {
    const found = row(400, { likeness: 0.6 });
    const single = { ...found, copies: found.copies && { ...found.copies, copied: 4 } };
    expect(advise([row(0, {}), single], request).copying).toEqual([]);
  });

  it('leaves out rows that surely fit their prompts worse', () => {
    const fitting = (value: number) => ({ value, stderr: 0.01, each: [value - 0.01, value + 0.01] });
    const early = { ...row(400, { likeness: 0.6 }), fit: fitting(0.2) };
    const late = { ...row(800, { likeness: 0.6, bleeding: 0.1 }), fit: fitting(0.3) };
    expect(advise([row(0, {}), early, late], request).step).toBe(800);
    expect(advise([row(0, {}), early, { ...late, fit: null }], request).step).toBe(400);
  });

  it('does not doubt measures that a model made', () => {
    const { doubt } = advise([row(0, {}), row(400, {})], { ...request, likeness: '/m/dinov2', fit: '/m/clip' });
    expect(doubt).not.toContain('cannot see');
    expect(doubt).not.toContain('fit their prompts');
  });

  it('says when the base model draws as near', () => {
    const { text } = advise([row(0, { likeness: 0.6 }), row(400, { likeness: 0.6 })], request);
    expect(text).toContain('but no nearer to them than what the base model draws');
  });

  it('does not call a sample a copy that the base model draws too', () => {
    const rows = [row(0, { likeness: 0.4, copied: 1 }), row(400, { likeness: 0.6, copied: 1 })];
    expect(advise(rows, request).step).toBe(400);
  });

  it('advises none where all rows copy, and names the copied image', () => {
    const rows = [row(0, { likeness: 0.4 }), row(400, { copied: 4, image: 'a.png' }), row(800, { copied: 4 })];
    expect(advise(rows, request)).toMatchObject({
      step: null,
      strength: null,
      text: 'Every one copies a.png: train shorter, or on more pictures.',
    });
  });

  it('advises none where nothing was measured that tells rows apart', () => {
    const blind = (step: number) => ({ ...row(step, {}), change: null, validation: null, bleeding: null });
    const told = advise([blind(0), blind(400), blind(800)], request);
    expect(told).toMatchObject({ step: null, strength: null });
    expect(told.text).toBe(
      'No picture was kept out of training, so nothing tells steps 400, 800 apart but your eyes. A next run can keep some:  --set dataset.validation_share=0.1',
    );
    expect(advise([blind(0), blind(400)], request).step).toBe(400);
  });

  it('never rests on loss alone, but leaves out rows that are surely worse', () => {
    const rows = [
      row(0, { likeness: 0.4 }),
      row(400, { likeness: 0.5, change: -0.01 }),
      row(800, { likeness: 0.6, change: -0.001 }),
      row(1200, { likeness: 0.7, change: 0.05 }),
    ];
    expect(advise(rows, request).step).toBe(800);
  });

  it('names the measures that could not be made', () => {
    const bare: JudgeRow[] = [row(0, {}), row(400, {})].map((each) => ({
      ...each,
      validation: null,
      change: null,
      copies: null,
    }));
    const called = { ...request, prompts: request.prompts.slice(0, 1) };
    const { step, text, doubt } = advise(bare, called);
    expect(step).toBe(400);
    expect(text).toContain('nothing was kept out of training to say more');
    expect(doubt).toContain('no prompt without the trigger');
  });
});

describe('the samples to judge', () => {
  const plan = (prompts: string[]): Plan => {
    const made = fixturePlan('/home/me', 10, null);
    return { ...made, samples: { ...made.samples, prompts, shots: null } };
  };

  it('are those of every checkpoint, with the prompts of the run and one without the trigger', () => {
    const made = judgeRequest(plan(['zfx, a red fox']), { checkpoints: [20, 10], trigger: 'zfx' });
    expect(made.steps).toEqual([10, 20]);
    expect(made.strengths).toEqual([1]);
    expect(made.seeds).toHaveLength(2);
    expect(made.prompts.map(({ text, trigger }) => [text, trigger])).toEqual([
      ['zfx, a red fox', true],
      ['a red fox', false],
    ]);
  });

  it('keep the options of each prompt of the run, where two have the same words', () => {
    const made = plan(['zfx, a fox', 'zfx, a fox']);
    const usual = { prompt: 'zfx, a fox', negative: '', strength: 1, clip_skip: null, steps: 2, guidance: 4 };
    const shots = [64, 96].map((side, seed) => ({ ...usual, seed, size: [side, side] as [number, number] }));
    const ask = (samples: Plan['samples']) => judgeRequest({ ...made, samples }, { checkpoints: [1], trigger: 'zfx' });
    const { prompts } = ask({ ...made.samples, shots });
    expect(prompts.map(({ text, shot }) => [text, shot])).toEqual([
      ['zfx, a fox', 0],
      ['zfx, a fox', 1],
      ['a fox', 0],
    ]);
    expect(ask(made.samples).prompts.map(({ shot }) => shot)).toEqual([null, null, null]);
  });

  it('have no added prompt where one without the trigger exists, or the trigger is unknown', () => {
    const two = plan(['zfx, a fox', 'a car']);
    expect(judgeRequest(two, { checkpoints: [1], trigger: 'zfx' }).prompts).toHaveLength(2);
    expect(judgeRequest(two, { checkpoints: [1], trigger: '' }).prompts.map(({ trigger }) => trigger)).toEqual([
      null,
      null,
    ]);
  });

  it('include captions of images kept out of training, to compare each with its image', () => {
    const made = plan(['zfx, a fox', 'a car']);
    const held = Array.from({ length: 9 }, (_, i) => ({ caption: `zfx, fox ${i}`, path: `held/${i}.png` }));
    const [first] = made.data.images;
    if (first === undefined) throw new Error('the plan has no image');
    const samples = [
      ...made.data.images,
      ...held.map((one) => ({ ...first, ...one, validation: true })),
      { ...first, caption: 'a car', path: 'held/car.png', validation: true },
    ];
    const { prompts } = judgeRequest(
      { ...made, data: { ...made.data, images: samples } },
      { checkpoints: [1], trigger: 'zfx' },
    );
    const drawn = prompts.filter(({ image }) => image !== null);
    expect(drawn.map(({ image }) => image)).toEqual([0, 2, 3, 5, 6, 8].map((i) => `held/${i}.png`));
    expect(drawn[1]).toMatchObject({ text: 'zfx, fox 2', trigger: true });
  });

  it('include a prompt that is a caption only once, with its image', () => {
    const made = plan(['zfx, kept out', 'zfx, trained on', 'zfx, a fox']);
    const [first] = made.data.images;
    if (first === undefined) throw new Error('the plan has no image');
    const images = [
      { ...first, caption: 'zfx, trained on\nzfx, another line', path: 'a.png' },
      { ...first, caption: 'zfx, kept out', path: 'b.png', validation: true },
    ];
    const { prompts } = judgeRequest({ ...made, data: { ...made.data, images } }, { checkpoints: [1], trigger: 'zfx' });
    expect(prompts.filter(({ trigger }) => trigger === true).map(({ text, image }) => [text, image])).toEqual([
      ['zfx, kept out', 'b.png'],
      ['zfx, trained on', 'a.png'],
      ['zfx, a fox', null],
    ]);
  });

  it('refuse a step that has no checkpoint', () => {
    const ask = () => judgeRequest(plan(['a']), { checkpoints: [10], steps: [30], trigger: '' });
    expect(ask).toThrow('There is no checkpoint of step 30.');
    expect(() => judgeRequest(plan(['a']), { checkpoints: [], trigger: '' })).toThrow('no checkpoint in this run yet');
  });
});
