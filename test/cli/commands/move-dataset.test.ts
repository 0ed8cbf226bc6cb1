import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readExit } from '../../../src/engine/run-folder/run-files.ts';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome, fixturePlan } from '../../helpers/fixture-run.ts';

let home: FixtureHome;
afterEach(() => home.remove());

describe('resume --dataset', () => {
  it('goes on with a folder that was moved, if its pictures are those of the plan', async () => {
    home = new FixtureHome();
    const run = home.create();
    const [old, moved] = [join(home.dir, 'old'), join(home.dir, 'moved')];
    mkdirSync(join(old, 'a'), { recursive: true });
    writeFileSync(join(old, 'a', 'fox.png'), 'a fox');
    const plan = fixturePlan(home.dir, 5, null);
    const sha256 = createHash('sha256').update('a fox').digest('hex');
    const images = plan.data.images.map((sample) => ({ ...sample, path: 'a/fox.png', sha256 }));
    const planned = { ...plan, data: { ...plan.data, root: old, images } };
    const planFile = join(run.dir, 'plan.json');
    writeFileSync(planFile, JSON.stringify(planned));
    renameSync(old, moved);
    const before = readFileSync(planFile, 'utf8');

    const elsewhere = await cli(['resume', 'fox', '--dataset', home.runs], home.env);
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain('a/fox.png is not there');
    writeFileSync(join(moved, 'a', 'fox.png'), 'a cat');
    const other = await cli(['resume', 'fox', '--dataset', moved], home.env);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('a/fox.png is another picture');
    expect(readFileSync(planFile, 'utf8')).toBe(before);

    writeFileSync(join(moved, 'a', 'fox.png'), 'a fox');
    // The paths are as people paste them: quoted by a file manager, or beginning with ~.
    const typed = `file://${moved}`;
    expect((await cli(['resume', 'fox', '--dataset', typed], home.env)).code).toBe(0);
    expect(JSON.parse(readFileSync(planFile, 'utf8'))).toEqual({ ...planned, data: { ...planned.data, root: moved } });
    expect(readFileSync(join(run.dir, 'run.yaml'), 'utf8')).toContain(`path: ${moved}`);
    expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
  });
});
