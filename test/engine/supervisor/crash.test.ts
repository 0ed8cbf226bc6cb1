/**
 * Advice after a trainer ended without an error names no setting that is on already, and no environment that is not
 * ours to renew.
 */
import { expect, it } from 'vitest';
import { crashReason } from '../../../src/engine/supervisor/outcome.ts';

type Story = Parameters<typeof crashReason>[0];

const killed = { code: null, signal: 'SIGKILL', outOfMemory: false } as const;
const crashed = { ...killed, signal: 'SIGSEGV' } as const;

const advice = (end: Story['end'], resources: Partial<Story['plan']['resources']>, batch = 4, env = {}) =>
  crashReason(
    {
      end,
      env,
      plan: {
        training: { batch_size: batch },
        resources: { device: 'cpu', gradient_checkpointing: 'none', workers: 0, ...resources },
      },
    },
    undefined,
  ).nextSteps.join('\n');

it('after SIGKILL, settings that need less memory are named unless they are on already', () => {
  const both = '--set training.batch_size=1\nor:  --set resources.gradient_checkpointing=full';
  expect(advice(killed, {})).toContain(both);
  expect(advice({ ...killed, outOfMemory: true }, {})).toContain(both);
  expect(advice(killed, {}, 1)).not.toContain('batch_size');
  expect(advice(killed, { gradient_checkpointing: 'full' })).not.toContain('checkpointing');
  expect(advice(killed, { gradient_checkpointing: 'full' }, 1)).toBe(
    'Close other programs, or give the machine (or its container) more memory.',
  );
});

it("after SIGKILL, nothing is advised that saves a card's memory and not the machine's", () => {
  expect(advice(killed, { device: 'cuda:0' })).not.toMatch(/--set/);
  expect(advice(killed, { device: 'cuda', workers: 4 })).toMatch(/--set resources.workers=0$/m);
});

it('after a crash in a library, setup is advised for our environment alone', () => {
  expect(advice(crashed, {})).toContain('visiontrain setup --force');
  const given = advice(crashed, {}, 4, { VISIONTRAIN_PYTHON: '/env/bin/python' });
  expect(given).toMatch(/VISIONTRAIN_PYTHON/);
  expect(given).not.toContain('--force');
});
