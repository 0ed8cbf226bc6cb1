/** What a person chooses about notices is kept in the settings file, beside all else that stands there. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeNotify } from '../../../src/engine/settings/change-notify.ts';
import { readNotify } from '../../../src/engine/settings/read-notify.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-settings-'));
});
afterEach(() => {
  chmodSync(dir, 0o700);
  rmSync(dir, { recursive: true, force: true });
});

const settings = async () => (await readNotify(dir, {})).settings;

describe('choices about notices', () => {
  it('make a file that is the person’s alone, where there is none', async () => {
    const config = join(dir, 'config');
    const path = await writeNotify(config, { desktop: true, web: { ntfy: 'NTFY_URL' } });
    expect(path).toBe(join(config, '.visiontrainrc.yaml'));
    expect([statSync(config).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(
      readFileSync(path, 'utf8'),
    ).toBe(`# How you are told of your runs: docs/notices.md. Addresses are secrets and stay in the environment.

notify:
  desktop: true
  web:
    - format: ntfy
      url_env: NTFY_URL
`);
    const { settings: read } = await readNotify(config, {});
    expect(read).toMatchObject({ bell: true, desktop: true, web: [{ format: 'ntfy', url_env: 'NTFY_URL' }] });
  });

  it('leave comments, other settings and other web hooks as they are', async () => {
    const path = join(dir, '.visiontrainrc.yml');
    const before = `# Mine.
workspace: '~/runs' # on the large disk

notify:
  # Not at night.
  bell: false
  web:
    - {format: slack, url_env: SLACK, events: [failed]} # the team
    # My phone.
    - format: ntfy
      url_env: OLD
      token_env: TOKEN
    - format: ntfy
      url_env: SECOND

# The end.
`;
    writeFileSync(path, before, { mode: 0o644 });
    expect(await writeNotify(dir, { web: { ntfy: 'NEW', discord: 'DISCORD' }, events: ['failed'] })).toBe(path);
    const after = before
      .replace('OLD', 'NEW')
      .replace('SECOND\n', 'SECOND\n    - format: discord\n      url_env: DISCORD\n  events: [failed]\n');
    expect(readFileSync(path, 'utf8')).toBe(after);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await writeNotify(dir, { web: { slack: null, ntfy: null, discord: null } });
    expect((await settings()).web.map(({ url_env: name }) => name)).toEqual(['SECOND']);
    expect(readFileSync(path, 'utf8')).toContain("workspace: '~/runs' # on the large disk");
  });

  it('are taken into a file that is empty, or is JSON', async () => {
    const texts = {
      '.visiontrainrc.yaml': '',
      '.visiontrainrc': '{"workspace": "/r"}',
    };
    for (const [name, text] of Object.entries(texts)) {
      const path = join(dir, name);
      writeFileSync(path, text);
      expect(await writeNotify(dir, { bell: false, web: { json: 'HOOK' } })).toBe(path);
      expect(await settings()).toMatchObject({ bell: false, web: [{ format: 'json', url_env: 'HOOK' }] });
      if (name === '.visiontrainrc') expect(JSON.parse(readFileSync(path, 'utf8')).workspace).toBe('/r');
      rmSync(path);
    }
  });

  it('go through a link to the file that it names', async () => {
    mkdirSync(join(dir, 'dotfiles'));
    writeFileSync(join(dir, 'dotfiles', 'mine.yaml'), 'notify: { bell: true }\n');
    symlinkSync(join(dir, 'dotfiles', 'mine.yaml'), join(dir, '.visiontrainrc.yaml'));
    await writeNotify(dir, { bell: false });
    expect(lstatSync(join(dir, '.visiontrainrc.yaml')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(dir, 'dotfiles', 'mine.yaml'), 'utf8')).toBe('notify: { bell: false }\n');
  });

  it('change nothing of a file that has mistakes', async () => {
    const path = join(dir, '.visiontrainrc.yaml');
    writeFileSync(path, 'notfy: 1\n');
    await expect(writeNotify(dir, { bell: false })).rejects.toMatchObject({ id: 'settings/wrong' });
    expect(readFileSync(path, 'utf8')).toBe('notfy: 1\n');
  });
});
