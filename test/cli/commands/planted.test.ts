import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli } from '../../helpers/cli.ts';

// A stranger's folder with every file that some library or tool would run or obey. A file that is run records its
// name.
const endings = ['js', 'cjs', 'mjs', 'ts', 'json', 'yaml', 'yml', ''];
const names = ['.visiontrainrc', '.config/visiontrainrc', 'visiontrain.config', '.config/config', 'package'];

function plant(): { dir: string; ran: string } {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-planted-'));
  const ran = join(dir, 'ran');
  mkdirSync(ran);
  mkdirSync(join(dir, '.config'));
  const leaves = (name: string) => JSON.stringify(join(ran, name.replaceAll('/', '_')));
  for (const base of names)
    for (const ending of endings) {
      const name = ending === '' ? base : `${base}.${ending}`;
      // The plain name, .yaml and .json are settings files, with which the command ends. Another test covers them.
      if (base === '.visiontrainrc' && ['', 'json', 'yaml', 'yml'].includes(ending)) continue;
      const module = ending === 'mjs' || ending === 'ts';
      const code = module
        ? `import fs from 'node:fs'; fs.writeFileSync(${leaves(name)}, ''); export default {};`
        : `require('node:fs').writeFileSync(${leaves(name)}, ''); module.exports = {};`;
      const data = JSON.stringify({ cosmiconfig: { $import: './evil.js' }, visiontrain: {}, $import: './evil.js' });
      writeFileSync(join(dir, name), ['js', 'cjs', 'mjs', 'ts'].includes(ending) ? code : data);
    }
  for (const at of ['.', '.config'])
    writeFileSync(join(dir, at, 'evil.js'), `require('node:fs').writeFileSync(${leaves(`${at}-evil`)}, '');`);
  return { dir, ran };
}

describe('a folder with planted files', () => {
  it('runs none of them, whatever else asks for settings', async () => {
    const { dir, ran } = plant();
    const config = join(dir, 'home', 'config');
    mkdirSync(config, { recursive: true });
    const env = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') };
    // The cases are: no settings, empty settings in this folder, and settings in the person's home.
    for (const prepare of [
      () => undefined,
      () => writeFileSync(join(dir, '.visiontrainrc'), '{}'),
      () => writeFileSync(join(config, '.visiontrainrc.yaml'), 'workspace: runs\n'),
    ]) {
      prepare();
      expect(await cli(['ps'], env, dir)).toMatchObject({ code: 0 });
      expect(readdirSync(ran)).toEqual([]);
    }
    writeFileSync(join(dir, '.visiontrainrc'), '$import: ./evil.js\n');
    expect(await cli(['ps'], env, dir)).toMatchObject({ code: 2, stderr: expect.stringContaining('$import') });
    expect(readdirSync(ran)).toEqual([]);
  });

  it('says where the runs are when it moves them', async () => {
    const { dir } = plant();
    const env = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') };
    writeFileSync(join(dir, '.visiontrainrc.yaml'), 'workspace: theirs\n');
    const { stderr } = await cli(['status', 'last'], env, dir);
    expect(stderr).toContain(`The runs are in ${join(dir, 'theirs')}, as .visiontrainrc.yaml here says.`);
  });
});
