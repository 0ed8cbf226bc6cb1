import { expect, it } from 'vitest';
import { compareReports } from '../../../src/engine/report/compare.ts';
import type { ChosenSetting, RunReport } from '../../../src/engine/report/types.ts';

const report = (settings: readonly ChosenSetting[]) =>
  ({
    name: 'fox',
    settings,
    machine: {},
    samples: [],
    loss: { steps: [], values: [] },
    validation: [],
    files: [],
    verdict: { title: '' },
  }) as unknown as RunReport;

it('lists a setting that an older run does not have only where somebody set it', () => {
  const rank: ChosenSetting = { key: 'training.rank', value: 16, by: 'you' };
  const older = report([rank]);
  const dora = (by: ChosenSetting['by']): ChosenSetting => ({ key: 'training.dora', value: false, by });
  expect(compareReports([older, report([rank, dora('preset')])]).settings).toEqual([]);
  expect(compareReports([older, report([rank, dora('you')])]).settings).toEqual([
    { key: 'training.dora', values: [null, false] },
  ]);
});
