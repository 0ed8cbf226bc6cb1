import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { array, assert, constantFrom, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayPath } from '../../src/base/paths.ts';
import { shellWord, typedPath } from '../../src/base/typed-path.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'visiontrain-typed-'));
const letters = constantFrom(...('ab~$\'"\\ #%&()[]{}*?!;|<>`^-=:.,äé画🙂\t\n'.match(/./gsu) ?? []));
/** File names with every character that some program reads as a special sign. */
const names = array(letters, { minLength: 1, maxLength: 12 })
  .map((parts) => parts.join(''))
  .filter((name) => !/^\.+$/u.test(name));

/** One way to write the path of a file that exists. */
const ways: Readonly<Record<string, (path: string) => string>> = {
  'as it is': (path) => path,
  'with spaces around': (path) => `  ${path}\n`,
  'in single quotes': (path) => `'${path.replaceAll("'", "'\\''")}'`,
  'in double quotes': (path) => `"${path.replaceAll(/["\\$`]/gu, '\\$&')}"`,
  'with escapes': (path) => path.replaceAll(/[^\w/.\p{L}\p{Extended_Pictographic}]/gu, '\\$&'),
  'as an address': (path) => pathToFileURL(path).href,
  'as we print it': shellWord,
};

describe('typedPath', () => {
  // 300 names, each written in seven ways: 2100 inputs.
  it('finds a file that exists, however its path is written', () => {
    assert(
      property(names, (name) => {
        const dir = folder();
        const path = join(dir, name);
        writeFileSync(path, '');
        // A space that ends the name itself cannot be told from a space typed behind it.
        for (const [way, write] of Object.entries(ways))
          if (way !== 'with spaces around' || name === name.trimEnd()) expect(typedPath(write(path), '/')).toBe(path);
        rmSync(dir, { recursive: true });
      }),
      { numRuns: 300 },
    );
  });

  it('takes ~/ and $HOME/ for the home, in every form, and makes nothing named ~', () => {
    assert(
      property(names, (name) => {
        const home = folder();
        writeFileSync(join(home, name), '');
        for (const start of ['~', '$HOME', `$${'{HOME}'}`]) {
          expect(typedPath(`${start}/${name}`, '/', { env: { HOME: home } })).toBe(join(home, name));
          expect(typedPath(` ${start}/new/place `, '/', { env: { HOME: home } })).toBe(join(home, 'new/place'));
        }
        rmSync(home, { recursive: true });
      }),
      { numRuns: 100 },
    );
  });

  it('takes a file that exists exactly as typed before any other reading', () => {
    const dir = folder();
    for (const odd of ['~', '~/pictures', "'quoted'", ' spaced ', 'C:\\Users', 'file:/a', 'a\\ b', '$HOME']) {
      mkdirSync(join(dir, odd), { recursive: true });
      expect(typedPath(odd, dir, { env: { HOME: '/h' } })).toBe(join(dir, odd));
    }
  });

  it('fails only with an error in words, and otherwise returns an absolute path', () => {
    const parts = constantFrom(
      '~',
      '/',
      '\\',
      '"',
      "'",
      ' ',
      'file://',
      'C:',
      '\\\\',
      'wsl$',
      '%00',
      '%',
      '$HOME',
      'a',
      '\0',
    );
    assert(
      property(tuple(array(parts, { maxLength: 8 }), string()), ([some, more]) => {
        try {
          expect(typedPath(some.join('') + more, '/nowhere', { env: { HOME: '/h' } })).toMatch(/^\/[^\0]*$/u);
        } catch (error) {
          expect(error).toMatchObject({ exitCode: 2 });
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['C:\\Users\\me\\Pictures\\toy', 'c/Users/me/Pictures/toy'],
    ['"C:\\Users\\me\\My Pictures"', 'c/Users/me/My Pictures'],
    ['c:/Users/me', 'c/Users/me'],
    ['file:///C:/Users/me%20too', 'c/Users/me too'],
  ])('finds %s where WSL2 shows it', (typed, there) => {
    const drives = folder();
    mkdirSync(join(drives, 'c'));
    expect(typedPath(typed, '/', { drives })).toBe(join(drives, there));
    expect(() => typedPath(typed, '/', { drives: '/none' })).toThrow(`/none/${there}, which is not there`);
  });

  it.each([
    ['\\\\wsl.localhost\\Ubuntu\\home\\me\\toy', '/home/me/toy'],
    ['\\\\wsl$\\Ubuntu\\home\\me', '/home/me'],
    ['file://wsl.localhost/Ubuntu/home/me', '/home/me'],
    ['file:///home/me/toy%20pics', '/home/me/toy pics'],
  ])('takes %s for %s', (typed, path) => {
    expect(typedPath(typed, '/')).toBe(path);
  });

  it.each([['\\\\server\\share\\toy'], ['file://server/share']])('says that %s is not found from here', (typed) => {
    expect(() => typedPath(typed, '/')).toThrow(/network folder of Windows/);
  });
});

describe('a printed path', () => {
  // 500 words in one shell.
  it('can be pasted into a shell', () => {
    const words: string[] = [];
    assert(
      property(names, (name) => void words.push(name)),
      { numRuns: 500 },
    );
    const script = `printf '%s\\0' ${words.map(shellWord).join(' ')}`;
    const said = execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
    expect(said.map((word) => relative('.', word))).toEqual(words.map((word) => relative('.', word)));
    expect(said.filter((word) => /^[~-]/u.test(word))).toEqual([]);
  });

  it('does not begin with a sign for the home', () => {
    expect(displayPath('/here/~/run.yaml', '/here')).toBe('./~/run.yaml');
    expect([shellWord('~'), shellWord('-o'), shellWord('a b'), shellWord('/plain/path.yaml')]).toEqual([
      "'./~'",
      './-o',
      "'a b'",
      '/plain/path.yaml',
    ]);
  });
});
