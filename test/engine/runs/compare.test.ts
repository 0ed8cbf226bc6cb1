import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEventWriter } from '../../../src/engine/events/writer.ts';
import { compareRuns, usedFacts } from '../../../src/engine/runs/compare.ts';

type Step = readonly [step: number, loss: number, digest: string];

function finishedRun(steps: readonly Step[], sha256: string, facts: Record<string, string> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-compare-'));
  const writer = openEventWriter(dir);
  writer.write('active', { facts: { torch: '2.13.0', ...facts } });
  for (const [step, loss, digest] of steps) writer.write('step', { step, epoch: 1, loss, lr: 1, digest });
  writer.close();
  const outputs = [{ path: 'output/a.safetensors', bytes: 1, sha256 }];
  const exit = { status: 'finished', code: 0, reason: 'finished', step: steps.length, outputs };
  writeFileSync(join(dir, 'exit.json'), JSON.stringify({ ...exit, details: [], next_steps: [] }));
  return dir;
}

const straight: Step[] = [
  [1, 0.5, 'aa'],
  [2, 0.4, 'bb'],
  [3, 0.3, 'cc'],
];

describe('compareRuns', () => {
  it('calls equal files the same', () => {
    const both = compareRuns(finishedRun(straight, 'x'), finishedRun(straight, 'x'));
    expect(both).toEqual({ same: true, sha256: ['x', 'x'], parted: null, differences: [], mixed: [] });
  });

  it('names the first step that differs, and whether its loss or its update does', () => {
    const update = compareRuns(
      finishedRun(straight, 'x'),
      finishedRun(
        [
          [1, 0.5, 'aa'],
          [2, 0.4, 'ZZ'],
          [3, 0.2, 'YY'],
        ],
        'y',
      ),
    );
    expect(update).toMatchObject({ same: false, parted: { step: 2, sameLoss: true } });
    const loss = compareRuns(
      finishedRun(straight, 'x'),
      finishedRun(
        [
          [1, 0.5, 'aa'],
          [2, 0.41, 'ZZ'],
        ],
        'y',
      ),
    );
    expect(loss.parted).toEqual({ step: 2, losses: [0.4, 0.41], sameLoss: false });
  });

  it('counts a step that was repeated after a resume by its last pass', () => {
    const resumed = finishedRun(
      [
        [1, 0.5, 'aa'],
        [2, 0.9, '??'],
        [2, 0.4, 'bb'],
        [3, 0.3, 'cc'],
      ],
      'x',
    );
    expect(compareRuns(finishedRun(straight, 'x'), resumed)).toMatchObject({ same: true, parted: null });
  });

  it('tells what the runs used differently', () => {
    const other = finishedRun([[1, 0.6, 'qq']], 'y', { torch: '2.12.0' });
    expect(compareRuns(finishedRun(straight, 'x'), other).differences).toEqual([
      { fact: 'torch', values: ['2.13.0', '2.12.0'] },
    ]);
  });

  it('does not blame a fact that no byte depends on', () => {
    const other = finishedRun([[1, 0.6, 'qq']], 'y', { device: 'cuda:1', safetensors: '9' });
    expect(compareRuns(finishedRun(straight, 'x'), other).differences).toEqual([]);
  });

  it('says when the first run was itself resumed in another environment', () => {
    const first = finishedRun(straight, 'x');
    const writer = openEventWriter(first);
    const differences = [{ fact: 'torch', was: '2.12.0', now: '2.13.0' }];
    writer.write('compared', { original: 'checkpoint', step: 2, differences });
    writer.close();
    expect(compareRuns(first, finishedRun(straight, 'y')).mixed).toEqual(['torch']);
    expect(usedFacts(first)).toEqual({ torch: '2.13.0' });
  });
});
