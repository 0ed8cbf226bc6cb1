/**
 * Every error of the catalogue as it is printed, at 80 and 60 columns, in test/golden: `npm run golden` writes these
 * files anew. Each error is caused in the program's own code.
 */
import { join } from 'node:path';
import width from 'fast-string-width';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCatalogue } from '../src/base/error-catalogue.ts';
import { VisiontrainError } from '../src/base/errors.ts';
import { packageVersion } from '../src/base/package-root.ts';
import { reportError } from '../src/cli/shell/report-error.ts';
import { isTyped } from '../src/terminal/next-steps.ts';
import { boxSamples } from './helpers/errors/boxes.ts';
import { commandSamples } from './helpers/errors/command.ts';
import { fileSamples } from './helpers/errors/files.ts';
import { machineSamples } from './helpers/errors/machine.ts';
import { modelSamples } from './helpers/errors/models.ts';
import { runSamples } from './helpers/errors/runs.ts';
import { caught, type Sample, Scene } from './helpers/errors/scene.ts';
import { sharingSamples } from './helpers/errors/sharing.ts';
import { slurmSamples } from './helpers/errors/slurm.ts';
import { trainerSamples } from './helpers/errors/trainer.ts';
import { endLines, keptOutput } from './helpers/golden.ts';

const groups: Readonly<Record<string, Readonly<Record<string, Sample>>>> = {
  command: commandSamples,
  files: fileSamples,
  machine: machineSamples,
  models: modelSamples,
  runs: runSamples,
  boxes: boxSamples,
  sharing: sharingSamples,
  slurm: slurmSamples,
  trainer: trainerSamples,
};

const found = new Map<string, Map<string, unknown>>();
let scene: Scene;

beforeAll(async () => {
  scene = new Scene();
  for (const [group, samples] of Object.entries(groups)) {
    const errors = new Map<string, unknown>();
    for (const [id, sample] of Object.entries(samples)) {
      const error = await caught(sample, scene);
      errors.set(id, error instanceof VisiontrainError ? scene.shown(error) : error);
    }
    found.set(group, errors);
  }
});
afterAll(() => scene.remove());

it('has a sample of every error', () => {
  const ids = Object.values(groups).flatMap((samples) => Object.keys(samples));
  expect(Object.keys(errorCatalogue).filter((id) => !ids.includes(id))).toEqual([]);
});

it('causes each error that it names', () => {
  const wrong = [...found.values()].flatMap((errors) =>
    [...errors].flatMap(([id, error]) => {
      const { id: real = 'bug/unexpected' } = (error ?? { id: 'nothing' }) as { id?: string };
      return real === id
        ? []
        : [`${id}: ${real} ${error instanceof Error ? (error.stack ?? '') : JSON.stringify(error)}`];
    }),
  );
  expect(wrong).toEqual([]);
});

/** Whether a line may be wider than the terminal, because it is to be copied: a command, or one word such as a path. */
const isWhole = (line: string): boolean => isTyped(line) || /^\s*\S+$/u.test(line);

/** Errors that need no next step: there is nothing to do, or the message itself names what to type instead. */
const NOTHING_TO_TYPE = [
  'command/cancelled',
  'command/terminated',
  'command/wrong-value',
  'model/built-in',
  'spec/wrong',
];

it('names for each what to do next', () => {
  const silent = [...found.values()].flatMap((errors) =>
    [...errors].flatMap(([id, error]) => {
      const { nextSteps, next_steps } = error as { nextSteps?: string[]; next_steps?: string[] };
      return (nextSteps ?? next_steps)?.length === 0 ? [id] : [];
    }),
  );
  expect(silent.sort()).toEqual(NOTHING_TO_TYPE);
});

describe.each([80, 60])('at %i columns', (cells) => {
  it.each(Object.keys(groups))('errors: %s', async (group) => {
    const { out, lines } = keptOutput(cells);
    for (const [id, error] of found.get(group) ?? []) {
      lines.push(`[${id}]`);
      if (error instanceof Error) reportError(error, out, { json: false, debug: false });
      else lines.push(...endLines(error as never, cells));
      lines.push('');
    }
    for (const line of lines) if (!isWhole(line)) expect(width(line), line).toBeLessThan(cells);
    const text = `${lines.map((line) => line.trimEnd()).join('\n')}\n`.replaceAll(packageVersion(), 'VERSION');
    await expect(text).toMatchFileSnapshot(join('golden', `errors-${group}-${cells}.txt`));
  });
});
