import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome } from '../../helpers/fixture-run.ts';
import { png } from '../../helpers/png.ts';

const home = new FixtureHome({ LC_ALL: 'C' });
afterAll(() => home.remove());

describe('a locale without Unicode', { timeout: 600_000 }, () => {
  it('is given no sign beyond ASCII, in data, words and errors', async () => {
    const run = home.create(3);
    await startRun(run, home.env);
    for await (const _ of followRun(run.dir, { intervalMs: 20 }));
    const images = join(home.dir, 'pictures');
    mkdirSync(images);
    for (let i = 0; i < 4; i += 1)
      writeFileSync(
        join(images, `${i}.png`),
        png(64 + 32 * i, 64, (x, y) => [x, y, i]),
      );
    const yaml = join(home.dir, 'small.yaml');
    writeFileSync(yaml, `version: 1\ndataset: {path: ${images}}\nmodel: {base: tiny}\n`);
    const said: string[] = [];
    for (const args of [
      ['dataset', 'check', images],
      ['attach', 'fox'],
      ['status', 'fox'],
      ['run', yaml, '--dry-run'],
      ['run', 'none.yaml'],
      ['explain'],
      ['explain', 'rank'],
      ['models', 'list'],
      ['models', 'info', 'sdxl'],
    ]) {
      const { stdout, stderr } = await cli(args, home.env, home.dir);
      // run.yaml is a UTF-8 file, whose content does not depend on the terminal.
      const shown = args.includes('--dry-run') ? stderr : stdout + stderr;
      said.push(shown);
      expect(shown, args.join(' ')).not.toMatch(/[^\n -~]/);
    }
    // The same texts have characters beyond ASCII where the terminal can show Unicode.
    expect(said.join('')).toMatch(/64x64|160x64/);
    const { stdout } = await cli(['dataset', 'check', images], { ...home.env, LC_ALL: 'C.UTF-8' });
    expect(stdout).toMatch(/64×64|160×64/);
  });
});
