import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nothingKnown } from '../../../src/cli/dashboard/about.ts';
import { renderEnd } from '../../../src/cli/dashboard/end.ts';
import { samplePairs } from '../../../src/cli/dashboard/samples.ts';
import { reduceAll } from '../../../src/engine/events/reducer.ts';
import { initialState, type RunState } from '../../../src/engine/events/run-state.ts';
import type { RunExit } from '../../../src/engine/run-folder/layout.ts';
import { styleFor } from '../../../src/terminal/style.ts';
import { Styled } from '../../../src/terminal/styled.ts';
import { png } from '../../helpers/png.ts';
import { trainingStory } from '../../helpers/run-story.ts';

const end = 1_790_000_000;
const trained = reduceAll(initialState, trainingStory({ name: 'fox', steps: 400, upTo: 400, every: 200, end }));
const sha256 = '3f9a20c1'.repeat(8);
const room = { style: styleFor({ colour: 0, unicode: true }), columns: 80, rows: 24, colour: 0 };
const exit = (more: Partial<RunExit>): RunExit => ({
  status: 'finished',
  code: 0,
  reason: 'finished',
  step: 400,
  outputs: [{ path: 'output/fox.safetensors', bytes: 91e6, sha256 }],
  details: [],
  next_steps: [],
  ...more,
});
const render = (state: RunState, how: RunExit, more: object = {}) => {
  const about = { ...nothingKnown, prompt: 'zfx, a fox' };
  return renderEnd(
    { state, exit: how, name: 'fox', runDir: '/home/me/runs/fox', cwd: '/home/me', about },
    { ...room, ...more },
  )
    .map((line) => Styled.of(line).ansi())
    .join('\n');
};

describe('the end of a run', () => {
  it('says what came out, whether it learned, how to use it and repeat it', () => {
    const learned = {
      verdict: 'learned' as const,
      weight_change: { 'unet.down': 0.0041, text_encoder: 0.0012 },
      before: { loss: 0.1127, stderr: 0.001 },
      after: { loss: 0.0894, stderr: 0.0011 },
    };
    const text = render({ ...trained, learned }, exit({}));
    expect(text).toMatch(/✔ fox is trained: 400 steps in \d+ min/);
    expect(text).toContain('runs/fox/output/fox.safetensors   91.0 MB');
    expect(text).toContain('SHA-256 3f9a20c13f9a20c1…   best checkpoint: step 400');
    expect(text).toContain('yes: loss at fixed noise 0.113 → 0.0894 ± 0.00110');
    expect(text).toContain('weights changed: U-Net down 0.41 %, text encoder 0.12 %');
    expect(text).toContain('copy it to models/loras (ComfyUI) or models/Lora (A1111, Forge)');
    expect(text).toContain('prompt: zfx, a fox');
    expect(text).toContain('visiontrain run runs/fox/run.yaml');
    expect(text).toContain('/home/me/runs/fox/samples/000400-0.png');
    expect(text).not.toContain('\u001b');
  });

  it('gives the trainer’s reason, which compares picture by picture, where there is one', () => {
    const reason =
      'Loss at fixed noise on 4 pictures kept out of training: 0.06 before, 0.06 after: not clearly lower.';
    const loss = { loss: 0.06, stderr: 0.03 };
    const learned = { verdict: 'unknown' as const, weight_change: { unet: 0.001 }, before: loss, after: loss, reason };
    const text = render({ ...trained, learned }, exit({}), { columns: 200 });
    expect(text).toContain(`cannot be told: ${reason}`);
    expect(text).not.toContain('±');
  });

  it('fits the terminal with its pictures, and cuts no path where there is none', () => {
    const runDir = mkdtempSync(join(tmpdir(), 'vt-end-'));
    const [pair] = samplePairs(trained);
    mkdirSync(join(runDir, 'samples'));
    for (const path of [pair?.with, pair?.without])
      writeFileSync(
        join(runDir, path ?? ''),
        png(96, 96, (x, y) => [x, y, 0]),
      );
    const shown = (rows: number, columns = 80, colour = 3) =>
      renderEnd(
        { state: trained, exit: exit({}), name: 'fox', runDir, cwd: '/', about: { ...nothingKnown, prompt: 'zfx' } },
        { ...room, rows, columns, colour },
      );
    for (const rows of [24, 30, 60]) {
      expect(shown(rows).join('\n')).toContain('without the LoRA');
      expect(shown(rows).length).toBeLessThan(rows);
    }
    expect(shown(14).join('\n')).not.toContain('▀');
    expect(shown(24, 10_000, 0).join('\n')).toContain(join(runDir, pair?.with ?? ''));
  });

  it('is no green tick when nothing was learned', () => {
    const learned = { verdict: 'nothing' as const, weight_change: { unet: 0 }, reason: 'The weights did not move.' };
    const text = render({ ...trained, learned }, exit({ status: 'failed', code: 5, reason: 'nothing was learned' }));
    expect(text).toContain('✖ fox: Finished, but nothing was learned (exit 5)');
    expect(text).toContain('The weights did not move.');
    expect(text).not.toContain('✔');
  });

  it('says where and why it failed, what is good, what to type', () => {
    const failed = exit({
      status: 'failed',
      code: 5,
      id: 'training/not-finite',
      step: 412,
      reason: 'the loss is not a number',
      details: ['First bad value: latent of pictures/fox_12.png.'],
      next_steps: ['visiontrain resume fox --set resources.vae_precision=fp32'],
    });
    const text = render(trained, failed);
    expect(text).toContain('✖ fox: stopped at step 412: the loss is not a number. (exit 5)');
    expect(text).toContain('First bad value: latent of pictures/fox_12.png.');
    expect(text).toContain('The checkpoint of step 400 is good.');
    expect(text).toContain('visiontrain resume fox --set resources.vae_precision=fp32');
    expect(text.trimEnd().split('\n').at(-1)).toContain('visiontrain explain training/not-finite');
  });

  it.each([
    ['a long one', 'x'.repeat(30), ['  Again     visiontrain run', '            the same, to the same bytes']],
    ['one longer than the screen', 'x'.repeat(70), ['  Again     the same, to the same bytes:', 'visiontrain run']],
  ])('has the command to copy whole in one line, with a path: %s', (_, folder, [first = '', second = '']) => {
    const about = { ...nothingKnown };
    const input = {
      state: trained,
      exit: exit({}),
      name: 'fox',
      runDir: `/home/me/${folder}/runs/fox`,
      cwd: '/home/me',
      about,
    };
    const lines = renderEnd(input, room).map(String);
    const at = lines.findIndex((line) => line.startsWith('  Again'));
    expect(lines[at]).toMatch(new RegExp(`^${first}`));
    expect(lines[at + 1]).toMatch(new RegExp(`^${second}`));
    expect(lines.join('\n')).toMatch(new RegExp(`(^|  )visiontrain run ${folder}/runs/fox/run.yaml$`, 'm'));
    expect(lines.join('\n')).toMatch(new RegExp(`(^|  )${folder}/runs/fox/output/fox.safetensors$`, 'm'));
  });

  it('breaks no command, and does not say the step twice', () => {
    const command = `visiontrain run /home/me/${'long/'.repeat(12)}run.yaml --set training.learning_rate=0.0001`;
    const failed = exit({
      status: 'failed',
      code: 5,
      step: 3,
      reason: 'Step 4: the loss of a.png is not a finite number.',
      next_steps: [`Lower training.learning_rate (it is 10): ${command}`],
    });
    const text = render(trained, failed);
    expect(text).toContain(`  Lower training.learning_rate (it is 10):\n    ${command}`);
    expect(text).toContain('✖ fox: Step 4: the loss of a.png');
    expect(text).not.toContain('stopped at step');
  });

  it('says how to go on with one that was stopped', () => {
    const text = render(
      trained,
      exit({
        status: 'stopped',
        code: 75,
        step: 200,
        reason: 'stopped on request',
        next_steps: ['visiontrain resume fox'],
      }),
    );
    expect(text).toContain('■ fox was stopped at step 200 of 400.');
    expect(text).toContain('visiontrain resume fox');
  });

  it('is plain ASCII where that is all there is, and harmless whatever a file is called', () => {
    const hostile = exit({ outputs: [{ path: 'output/\u001b[2Jx.safetensors', bytes: 1, sha256 }] });
    const text = render(trained, hostile, { style: styleFor({ colour: 0, unicode: false }) });
    expect(text).not.toContain('\u001b');
    expect([...text].filter((sign) => sign > '~' && sign !== '�')).toEqual([]);
  });
});
