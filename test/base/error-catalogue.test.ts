/** Every error has an id, every id an entry, and every entry an error. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../src/base/error-catalogue.ts';
import { errorsPage } from '../../src/base/error-page.ts';
import { inOneLine, UsageError } from '../../src/base/errors.ts';
import { commands } from '../../src/cli/commands/table.ts';

const root = join(import.meta.dirname, '../..');
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && !file.includes('error-entries'))
  .map((file) => [file, readFileSync(join(root, 'src', file), 'utf8')] as const);

const trainer = readdirSync(join(root, 'trainer/visiontrain_trainer'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.py'))
  .map((file) => readFileSync(join(root, 'trainer/visiontrain_trainer', file), 'utf8'));

describe('the catalogue of errors', () => {
  it('has an entry for every id in the code, and no other', () => {
    const raised = trainer.flatMap((text) => [...text.matchAll(/\bid="([a-z]+\/[a-z-]+)"/g)].map((match) => match[1]));
    expect(raised.length).toBeGreaterThan(100);
    const thrown = sources.flatMap(([, text]) =>
      [...text.matchAll(/\b(?:(?:id|refused)(?::| =)|failed\([^']*|result\.id \?\?) ?'([a-z]+\/[a-z-]+)'/g)].map(
        (match) => match[1],
      ),
    );
    const used = [...thrown, ...raised];
    expect([...new Set(used)].sort()).toEqual(Object.keys(errorCatalogue).sort());
  });

  it('has no id twice, and each says what it is, why it comes, and what to do', () => {
    const entries = join(root, 'src/base/error-entries');
    const text = readdirSync(entries)
      .map((file) => readFileSync(join(entries, file), 'utf8'))
      .join('');
    const written = [...text.matchAll(/^ {2}'([^']+)': \{$/gm)].map((match) => match[1]);
    expect(written).toEqual([...new Set(written)]);
    expect(written.sort()).toEqual(Object.keys(errorCatalogue).sort());
    for (const [id, entry] of Object.entries(errorCatalogue))
      for (const sentence of Object.values(entry)) expect(sentence, id).toMatch(/^[A-Za-z].*[.`]$/su);
  });

  it('names commands that there are', () => {
    const names = new Set(commands.map(({ name }) => name));
    const named = [...errorsPage().matchAll(/`visiontrain (\w+)/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !names.has(name) && name !== 'COMMAND')).toEqual([]);
  });

  it('is the committed page (npm run docs writes it)', () => {
    expect(readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')).toBe(errorsPage());
  });

  it('covers every class of error: none can be made without an id', () => {
    const errors = readFileSync(join(root, 'src/base/errors.ts'), 'utf8');
    expect(errors).toMatch(/readonly id: ErrorId;/);
    const loose = sources.filter(([, text]) => /\bas ErrorId\b|\bas ErrorDetails\b/.test(text));
    expect(loose.map(([file]) => file)).toEqual([]);
  });
});

it('an error in a list of problems is one line, from which a command can still be copied', () => {
  const nextSteps = ['See which drives are:   ls /mnt', 'Or give the path that the folder has here.'];
  const error = new UsageError('It is not there.', { id: 'path/windows', nextSteps });
  expect(inOneLine(error)).toBe(
    'It is not there. See which drives are: ls /mnt; Or give the path that the folder has here.',
  );
});
