/**
 * The schemas that `schema` prints, and commands whose output has to follow them. Other tests check their documents
 * too: see `test/helpers/cli.ts`.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { documents } from '../../../src/cli/commands/shared/documents/documents.ts';
import { cli } from '../../helpers/cli.ts';
import { held, holdToSchema } from '../../helpers/documents.ts';

const home = mkdtempSync(join(tmpdir(), 'visiontrain-documents-'));
const env = { ...process.env, VISIONTRAIN_HOME: home };
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('documents', () => {
  it('are what commands print', async () => {
    const images = join(import.meta.dirname, '../../../presets/tiny/lesson-style');
    const commands = [
      ['ps', '--json'],
      ['config', '--json'],
      ['explain', '--json'],
      ['explain', 'rank', '--json'],
      ['explain', 'dataset/empty', '--json'],
      ['models', 'list', '--json'],
      ['models', 'info', 'sdxl', '--json'],
      ['models', 'verify', '--json'],
      ['setup', '--list', '--json'],
      ['dataset', 'check', images, '--json'],
      ['dataset', 'tags', images, '--json'],
      ['new', images, '--yes', '--no-start', '-o', join(home, 'run.yaml'), '--json'],
      ['status', 'nothing', '--json'],
      ['dataset', 'check', home, '--json'],
    ];
    for (const command of commands) await cli(command, env);
    expect([...held].sort()).toEqual([
      'config',
      'dataset-check',
      'dataset-tags',
      'error',
      'explain',
      'models-info',
      'models-list',
      'models-verify',
      'new',
      'ps',
      'setup-list',
    ]);
  });

  it('tell the run.yaml that was only written', async () => {
    expect(existsSync(join(home, 'run.yaml'))).toBe(true);
    expect(JSON.parse((await cli(['ps', '--json'], env)).stdout)).toEqual([]);
  });

  it('are refused where a key is missing, added or of another type', () => {
    const good = { error: { code: 2, kind: 'UsageError', id: 'run/none', message: 'There is no run fox.' } };
    holdToSchema(['status', 'fox', '--json'], JSON.stringify(good));
    for (const bad of [{ error: {} }, { error: { ...good.error, code: '2' } }, { error: { ...good.error, more: 1 } }])
      expect(() => holdToSchema(['status', 'fox', '--json'], JSON.stringify(bad))).toThrow('no error document');
  });

  it('each have a JSON Schema that `schema` prints', async () => {
    for (const words of [['status'], ['models', 'list']]) {
      const { stdout, code } = await cli(['schema', ...words], env);
      expect([code, JSON.parse(stdout).$schema]).toEqual([0, 'https://json-schema.org/draft/2020-12/schema']);
    }
    const { code, stderr } = await cli(['schema', 'statsu'], env);
    expect(code).toBe(2);
    expect(stderr).toContain('visiontrain schema status');
    for (const name of Object.keys(documents)) expect(stderr).toContain(name);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('  visiontrain explain command/wrong');
  });
});
