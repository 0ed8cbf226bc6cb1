/** The manual page as `man` and `mandoc` read it, where they are. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { manPage } from '../../../src/cli/commands/shared/man-page.ts';
import { commands } from '../../../src/cli/commands/table.ts';

const file = join(import.meta.dirname, '../../../man/visiontrain.1');
const has = (program: string) => ['/usr/bin', '/usr/local/bin'].some((dir) => existsSync(join(dir, program)));

it('is the one that the package ships, and names every command and option', () => {
  // `npm run docs` writes it.
  expect(readFileSync(file, 'utf8')).toBe(manPage(commands));
  for (const { name, options = [] } of commands) {
    expect(manPage(commands)).toContain(`.It Cm ${name}`);
    for (const [flags] of options)
      for (const flag of flags.match(/--[\w-]+/gu) ?? [])
        expect(manPage(commands)).toContain(`Fl -${flag.slice(2).replaceAll('-', '\\-')}`);
  }
});

it.skipIf(!has('mandoc'))('has nothing that mandoc warns of', () => {
  const { stdout, status } = spawnSync('mandoc', ['-Tlint', '-Wwarning', file], { encoding: 'utf8' });
  expect([stdout, status]).toEqual(['', 0]);
});

it.skipIf(!has('man'))('is shown by man', () => {
  const env = { ...process.env, MANWIDTH: '80', MANPAGER: 'cat' };
  const { stdout, status } = spawnSync('man', ['-l', file], { encoding: 'utf8', env });
  expect(status).toBe(0);
  // A letter that is struck twice is bold.
  const text = stdout.replaceAll(new RegExp(`.${String.fromCharCode(8)}`, 'gu'), '');
  for (const word of ['EXIT STATUS', 'publish', '--public', 'VISIONTRAIN_HOME']) expect(text).toContain(word);
});
