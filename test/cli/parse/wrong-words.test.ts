/** Command lines that are invalid are answered with what to type instead. */
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { commands } from '../../../src/cli/commands/table.ts';
import { parseWords } from '../../../src/cli/parse/program.ts';
import { processOutput } from '../../../src/cli/shell/output.ts';

const out = processOutput({ env: {}, plain: true });

async function refused(line: string): Promise<UsageError> {
  const words = line === '' ? [''] : line.split(' ');
  const action = async () => {
    throw new Error('it was carried out');
  };
  const error = await parseWords(words, { entries: commands, action, out }).then(
    () => undefined,
    (found: unknown) => found,
  );
  if (!(error instanceof UsageError)) throw error ?? new Error('it was taken');
  expect(error).toMatchObject({ id: 'command/wrong', exitCode: 2 });
  return error;
}

describe('a first word that is no command', () => {
  it.each([
    ['rnu', 'visiontrain run'],
    ['help rnu', 'visiontrain run'],
    ['stats', 'visiontrain status'],
    ['trian pics', 'visiontrain run'],
    ['ls', 'visiontrain ps'],
    ['generate', 'visiontrain sample'],
    ['download', 'visiontrain models pull'],
    ['./pics', 'visiontrain new ./pics'],
    ['docs', 'visiontrain new docs'],
    ['fox.yaml', 'visiontrain run fox.yaml'],
  ])('%s leads to %s', async (line, meant) => {
    expect((await refused(line)).nextSteps).toEqual([
      `Did you mean ${meant}?`,
      'visiontrain --help   lists the commands',
    ]);
  });

  it.each(['', 'xyzzy'])('%j leads to the list', async (line) => {
    const { message, nextSteps } = await refused(line);
    expect(message).toBe(`There is no command ${JSON.stringify(line)}.`);
    expect(nextSteps).toEqual(['visiontrain --help   lists the commands']);
  });
});

it.each([
  ['judge', 'Something is missing: visiontrain judge <run>.', 'visiontrain ps   lists the runs; last is the newest'],
  ['run', 'Something is missing: visiontrain run <file>.', 'As in:  visiontrain run run.yaml'],
  ['ps --al', 'visiontrain ps has no option --al.', 'Did you mean --all?'],
  [
    'ps extra',
    'These are too many words: visiontrain ps takes no more.',
    'visiontrain ps --help   tells all that it takes',
  ],
  ['run a.yaml --set', '--set <key=value> needs a value.', 'visiontrain run --help   tells all that it takes'],
])('%s is answered with its own help', async (line, message, step) => {
  const error = await refused(line);
  expect(error.message).toBe(message);
  expect(error.nextSteps).toContain(step);
});
