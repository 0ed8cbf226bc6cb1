import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { spell } from '../src/terminal/signs.ts';
import {
  arrowsUp,
  circles,
  deadNames,
  doubleNames,
  looseAndCrowded,
  MOST_FILES,
  readRooms,
  strangers,
  type Tree,
  tooLong,
} from './helpers/architecture.ts';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8');
const rooms = readRooms(page, 'Rooms of `src/`');

/** The files of src/, with `planted` ones added or put in place of real ones. */
function sources(planted: Readonly<Record<string, string>> = {}): Tree {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const tree = new Map(files.map((file) => [relative(root, file), readFileSync(file, 'utf8')]));
  for (const [file, text] of Object.entries(planted)) tree.set(file, text);
  return tree;
}
const tree = sources();

/** The breaches that a rule finds in src/ with `planted` files, and does not find in src/ as it is. */
function seen(rule: (tree: Tree) => string[], planted: Readonly<Record<string, string>>): string[] {
  const before = rule(tree);
  return rule(sources(planted)).filter((breach) => !before.includes(breach));
}
const arrows = (files: Tree) => arrowsUp(files, rooms);
const strange = (files: Tree) => strangers(files, rooms);

describe('the page', () => {
  it('has the rooms that src/ has, each once', () => {
    const folders = [...new Set([...tree.keys()].map((file) => file.split('/').slice(1, -1).join('/')))];
    expect(rooms.map(({ name }) => name).sort()).toEqual(folders.sort());
  });

  it('names only rooms that stand before the one that may import them', () => {
    expect(deadNames(rooms)).toEqual([]);
    expect(deadNames([{ name: 'base', imports: ['engine'], uses: [] }])).toEqual([
      'base: there is no room engine before it',
    ]);
  });

  it('names only files that are there', () => {
    const named = [...page.matchAll(/`((?:src|test|trainer|presets|scripts)\/[\w./-]+)`/g)].map(
      (match) => match[1] ?? '',
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe('import rules', () => {
  it('has no arrow that the table does not allow', () => {
    expect(arrows(tree)).toEqual([]);
  });

  it('sees an arrow up: by value, by type, lazily', () => {
    for (const line of [
      "import { run } from '../cli/commands/run.ts';",
      "import type { RunSpec } from '../cli/commands/run.ts';",
      "const later = () => import('../cli/commands/run.ts');",
      "export type { RunSpec } from '../cli/commands/run.ts';",
    ])
      expect(seen(arrows, { 'src/spec/planted.ts': line })).toEqual([
        'src/spec/planted.ts may not import src/cli/commands/run.ts',
      ]);
  });

  it('sees an arrow down that the table does not name, and a folder that is no room', () => {
    expect(seen(arrows, { 'src/engine/plan/planted.ts': "import '../../terminal/style.ts';" })).toEqual([
      'src/engine/plan/planted.ts may not import src/terminal/style.ts',
    ]);
    expect(seen(arrows, { 'src/engine/corner/planted.ts': '' })).toEqual([
      'src/engine/corner/planted.ts lies in a folder that is no room',
    ]);
  });

  it('has no circle of files', () => {
    expect(circles(tree)).toEqual([]);
  });

  it('sees a circle, of types too', () => {
    const planted = {
      'src/base/one.ts': "import type { Two } from './two.ts';\nexport interface One { two: Two }",
      'src/base/two.ts': "import type { One } from './one.ts';\nexport interface Two { one: One }",
    };
    expect(seen(circles, planted)).toEqual(['src/base/one.ts → src/base/two.ts → src/base/one.ts']);
  });

  it('has no loose file and no crowded room', () => {
    expect(looseAndCrowded(tree)).toEqual([]);
  });

  it.each(['src/engine/planted.ts', 'src/registry/planted.ts', 'src/cli/planted.ts', 'src/planted.ts'])(
    'sees %s lie loose',
    (file) => {
      expect(seen(looseAndCrowded, { [file]: '' })).toEqual([`${file} lies loose: it belongs into a room`]);
    },
  );

  it('sees a crowded room', () => {
    const many = Object.fromEntries(Array.from({ length: MOST_FILES + 1 }, (_, i) => [`src/new/${i}.ts`, '']));
    expect(seen(looseAndCrowded, many)).toEqual([`new holds ${MOST_FILES + 1} files`]);
  });

  it('uses packages, streams and the environment only where the table says', () => {
    expect(strange(tree)).toEqual([]);
  });

  it.each([
    ["import { render } from 'ink';", 'ink'],
    ["import { prompt } from '@inquirer/core/thing';", '@inquirer/core'],
    ["const { spawn } = await import('node:child_process');", 'node:child_process'],
    ['process.stdout.write(text);', 'process.stdout'],
    ['const { stdin, stdout } = process;', 'stdin, stdout } = process'],
    ["console.log('x');", 'console.log('],
  ])('sees %s where it may not be', (line, name) => {
    expect(seen(strange, { 'src/spec/planted.ts': line })).toEqual([`src/spec/planted.ts may not use ${name}`]);
  });

  it('sees the environment read outside of the mains', () => {
    const planted = { 'src/spec/planted.ts': 'const home = process.env.HOME; // process.env' };
    expect(seen(strange, planted)).toEqual(['src/spec/planted.ts may not read process.env']);
    expect(seen(strange, { 'src/spec/planted.ts': '// process.env is not read here' })).toEqual([]);
  });

  it('gives every exported name one meaning', () => {
    expect(doubleNames(tree)).toEqual([]);
    const planted = { 'src/base/planted.ts': 'export type RunSpec = string;\nexport const run = 1;' };
    expect(seen(doubleNames, planted)).toEqual(['RunSpec: src/spec/schema.ts, src/base/planted.ts']);
  });
});

describe('size of functions', () => {
  const { overrides } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8')) as {
    overrides: { includes: string[]; linter: { rules: { complexity?: Record<string, unknown> } } }[];
  };

  it('has no exception: biome holds all of src/ to 60 lines and 4 parameters', () => {
    const rules = overrides.map(({ linter }) => linter.rules.complexity);
    expect(rules.filter((rule) => rule?.noExcessiveLinesPerFunction !== undefined)).toEqual([
      expect.objectContaining({
        noExcessiveLinesPerFunction: { level: 'error', options: { maxLines: 60 } },
        useMaxParams: { level: 'error', options: { max: 4 } },
      }),
    ]);
  });
});

/** A longer module mostly does two things. Split it by job, so that each part can be named by what it does. */
const MOST_LINES = 260;

describe('size of modules', () => {
  it('is small enough to be read at once', () => {
    expect(tooLong(tree, MOST_LINES)).toEqual([]);
  });

  it('is seen when it is not', () => {
    const planted = { 'src/base/planted.ts': '//\n'.repeat(MOST_LINES + 1) };
    expect(seen((all) => tooLong(all, MOST_LINES), planted)).toEqual([
      `src/base/planted.ts has ${MOST_LINES + 1} lines`,
    ]);
  });
});

describe('the door to the terminal', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => [`src/${name}`, readFileSync(join(root, 'src', name), 'utf8')] as const);
  const holding = (pattern: RegExp) =>
    sources
      .filter(([, text]) => pattern.test(text))
      .map(([name]) => name)
      .sort();

  it('is the only place that writes to stdout and stderr', () => {
    expect(holding(/\bstd(out|err)\.(write|fd)\b|\bstream\.write\(/)).toEqual(
      [
        'src/cli/shell/output.ts',
        // This file writes only sequences of its own, with text that it neutralises.
        'src/terminal/announce.ts',
        // This file writes only sequences of its own. Ink writes the frames, of strings that `onTerminal` made.
        'src/terminal/screen.tsx',
        // This file writes only lines made by `onTerminal`.
        'src/terminal/bar-terminal.ts',
        'src/wizard/prompts/plain.ts',
      ].sort(),
    );
    // These go into supervisor.log, whose text is made harmless when it is shown.
    expect(holding(/\bconsole\./)).toEqual([
      'src/engine/supervisor/supervisor-main.ts',
      'src/engine/supervisor/supervisor.ts',
    ]);
  });

  it('is the only place, beside those that move the cursor, that knows the escape character', () => {
    expect(holding(/\\u001b|\\x1b|\\033/i)).toEqual(
      [
        'src/terminal/announce.ts',
        'src/terminal/bar-terminal.ts',
        // These make escape sequences for images out of numbers and base64 alone.
        'src/terminal/graphics/answers.ts',
        'src/terminal/graphics/ask.ts',
        'src/terminal/graphics/encode.ts',
        'src/terminal/screen.tsx',
        'src/terminal/styled.ts',
        // In this file the escape character is a key that a person pressed, not an output.
        'src/cli/dashboard/dashboard.tsx',
        'src/wizard/prompts/screen-prompt.ts',
      ].sort(),
    );
  });

  it('has a twin in ASCII for every sign that words are written with', () => {
    // These modules draw, and choose their signs by what the terminal can show; the report is for a browser.
    const drawn =
      /^src\/report\/|^src\/terminal\/(style|signs|chart|images)\.ts$|^src\/cli\/dashboard\/(end|parts)\.ts$/;
    const signs = new Set(sources.flatMap(([name, text]) => (drawn.test(name) ? [] : [...withoutComments(text)])));
    const missing = [...signs].filter((sign) => sign > '~' && !/^[ -~]+$/.test(spell(sign, { unicode: false })));
    expect(missing).toEqual([]);
  });
});

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

describe('what start-up loads', () => {
  interface Output {
    inputs: Record<string, unknown>;
    imports: { path: string; kind: string }[];
    entryPoint?: string;
  }
  const { outputs } = JSON.parse(readFileSync(join(root, '.cache', 'bundle.json'), 'utf8')) as {
    outputs: Record<string, Output>;
  };

  /** Packages and sources that are loaded together with a chunk, lazy imports left out. */
  function loadedWith(source: string): string[] {
    const first = Object.keys(outputs).find((name) => source in (outputs[name]?.inputs ?? {}));
    if (first === undefined) throw new Error(`${source} is in no chunk`);
    const seen = new Set<string>();
    const visit = (name: string) => {
      if (seen.has(name) || outputs[name] === undefined) return;
      seen.add(name);
      for (const { path, kind } of outputs[name].imports) if (kind === 'import-statement') visit(path);
    };
    visit(first);
    return [...seen].flatMap((name) => Object.keys(outputs[name]?.inputs ?? {}));
  }

  const heavy =
    /node_modules\/(ink|react|zod|undici|execa|js-yaml|yaml|cosmiconfig|@inquirer|cli-progress|image-size)\//;

  it.each(['src/cli/main.ts', 'src/cli/commands/ps.ts', 'src/cli/commands/new.ts', 'src/cli/commands/explain.ts'])(
    '%s loads nothing heavy',
    (source) => {
      expect(loadedWith(source).filter((input) => heavy.test(input))).toEqual([]);
    },
  );
});
