import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingFiles } from '../../../src/engine/settings/names.ts';
import { notifySchema } from '../../../src/engine/settings/notify.ts';
import { readNotify } from '../../../src/engine/settings/read-notify.ts';
import { readSettings } from '../../../src/engine/settings/settings.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'visiontrain-settings-'));

describe('readSettings', () => {
  it('takes flags before the environment, the project file, the user file and the built-in', async () => {
    const [projectDir, userDir] = [folder(), folder()];
    writeFileSync(join(userDir, '.visiontrainrc.yaml'), 'workspace: ./mine\n');
    const read = (flags = {}, env = {}) => readSettings({ flags, env, projectDir, userDir });
    expect((await readSettings({ flags: {}, env: {}, projectDir, userDir: folder() }))[0]).toMatchObject({
      source: 'built-in',
      value: undefined,
    });
    expect((await read())[0]).toMatchObject({ value: join(userDir, 'mine') });
    writeFileSync(join(projectDir, '.visiontrainrc.json'), '{"workspace": "here"}');
    expect((await read())[0]).toMatchObject({ value: join(projectDir, 'here') });
    expect((await read({}, { VISIONTRAIN_WORKSPACE: '/env' }))[0]).toMatchObject({
      value: '/env',
      source: 'VISIONTRAIN_WORKSPACE',
    });
    expect((await read({ workspace: '/flag' }, { VISIONTRAIN_WORKSPACE: '/env' }))[0]).toMatchObject({
      value: '/flag',
      source: '--workspace',
    });
  });

  it('names an unknown setting, its file and the nearest one', async () => {
    const projectDir = folder();
    writeFileSync(join(projectDir, '.visiontrainrc.yaml'), 'worksapce: x\n');
    await expect(readSettings({ flags: {}, env: {}, projectDir, userDir: folder() })).rejects.toMatchObject({
      exitCode: 2,
      problems: [
        {
          file: join(projectDir, '.visiontrainrc.yaml'),
          key: 'worksapce',
          message: 'no such setting; did you mean workspace?',
        },
      ],
    });
  });

  it('reads an import in a settings file as data', async () => {
    for (const name of settingFiles) {
      const projectDir = folder();
      const ran = join(projectDir, 'ran');
      for (const ending of ['js', 'mjs', 'cjs', 'ts'])
        writeFileSync(join(projectDir, `theme.${ending}`), `require('fs').writeFileSync(${JSON.stringify(ran)}, '')`);
      writeFileSync(join(projectDir, 'theme.mjs'), `import fs from 'fs'; fs.writeFileSync(${JSON.stringify(ran)}, '')`);
      for (const file of ['theme.mjs', 'theme.js', 'theme.cjs', 'theme.ts', 'other.yaml']) {
        writeFileSync(join(projectDir, name), `{"$import": "./${file}", "workspace": "w"}`);
        await expect(readSettings({ flags: {}, env: {}, projectDir, userDir: folder() })).rejects.toMatchObject({
          problems: [{ key: '$import' }],
        });
      }
      expect(existsSync(ran)).toBe(false);
    }
  });

  it('names the place of a settings file with invalid content', async () => {
    const projectDir = folder();
    execFileSync('mkfifo', [join(projectDir, '.visiontrainrc')]);
    await expect(readSettings({ flags: {}, env: {}, projectDir, userDir: folder() })).rejects.toMatchObject({
      problems: [{ file: join(projectDir, '.visiontrainrc'), message: 'is not a regular file' }],
    });
  });

  it('says where a broken file is', async () => {
    const projectDir = folder();
    writeFileSync(join(projectDir, '.visiontrainrc.json'), '{"workspace": ');
    await expect(readSettings({ flags: {}, env: {}, projectDir, userDir: folder() })).rejects.toMatchObject({
      exitCode: 2,
    });
  });

  it('reads the settings of notices only from the person’s own file', async () => {
    const [projectDir, userDir] = [folder(), folder()];
    const text = 'notify:\n  bell: false\n  web:\n    - {format: ntfy, url_env: NTFY_URL}\n';
    writeFileSync(join(userDir, '.visiontrainrc.yaml'), text);
    expect((await readSettings({ flags: {}, env: {}, projectDir, userDir }))[0]).toMatchObject({ source: 'built-in' });
    const { settings } = await readNotify(userDir, {});
    expect(settings).toMatchObject({ bell: false, terminal: 'auto', events: ['finished', 'failed'] });
    expect(settings.web).toMatchObject([
      { format: 'ntfy', url_env: 'NTFY_URL', events: ['finished', 'stopped', 'failed'] },
    ]);
    expect((await readNotify(userDir, { VISIONTRAIN_NOTIFY: 'off' })).settings).toMatchObject({
      web: [],
      terminal: 'off',
    });
    expect((await readNotify(folder(), {})).settings).toEqual(notifySchema.parse({}));
    writeFileSync(join(projectDir, '.visiontrainrc.yaml'), text);
    await expect(readSettings({ flags: {}, env: {}, projectDir, userDir })).rejects.toMatchObject({
      problems: [{ key: 'notify', message: expect.stringContaining('your own settings') }],
    });
    for (const [wrong, key] of [
      ['{desctop: true}', 'notify.desctop'],
      ['{web: [{format: ntfy, url_env: "https://x"}]}', 'notify.web.0.url_env'],
      ['{web: [{format: ntfy, url: "https://x", url_env: A}]}', 'notify.web.0.url'],
    ] as const) {
      writeFileSync(join(userDir, '.visiontrainrc.yaml'), `notify: ${wrong}\n`);
      await expect(readNotify(userDir, {})).rejects.toMatchObject({ exitCode: 2, problems: [{ key }] });
    }
  });
});
