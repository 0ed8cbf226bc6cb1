import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { spell } from '../src/terminal/signs.ts';

const root = join(import.meta.dirname, '..');

/** [importing file, imported file or package] for every static and dynamic import below src/. */
function imports(): [string, string][] {
  const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const specifiers = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
    return specifiers.map((specifier): [string, string] => [
      relative(root, file),
      specifier.startsWith('.') ? relative(root, join(file, '..', specifier)) : specifier,
    ]);
  });
}

describe('import rules', () => {
  const all = imports();

  it('finds the imports it is meant to judge', () => {
    expect(all.length).toBeGreaterThan(10);
  });

  it.each([
    ['engine and registry know nothing of cli and wizard', /^src\/(engine|registry)\//, /^src\/(cli|wizard)\//, /^$/],
    [
      'only the UI folder and the terminal import Ink and React',
      /^src\//,
      /^(ink|react)$/,
      /^src\/(cli\/dashboard\/|terminal\/)/,
    ],
    ['only the prompts of the wizard import Inquirer', /^src\//, /^@inquirer\//, /^src\/wizard\/prompts\//],
    ['the wizard knows nothing of commands', /^src\/wizard\//, /^src\/cli\/commands/, /^$/],
  ])('%s', (_rule, from, to, except) => {
    const broken = all.filter(([file, target]) => from.test(file) && to.test(target) && !except.test(file));
    expect(broken).toEqual([]);
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
        // The cursor and the alternate screen; frames of the painter, whose lines are made by `onTerminal`.
        'src/terminal/terminal.ts',
        // Likewise lines made by `onTerminal`.
        'src/terminal/bar-terminal.ts',
        'src/wizard/prompts/plain.ts',
      ].sort(),
    );
    // Into supervisor.log, which is neutralised when it is shown.
    expect(holding(/\bconsole\./)).toEqual([
      'src/engine/supervisor/supervisor-main.ts',
      'src/engine/supervisor/supervisor.ts',
    ]);
  });

  it('is the only place, beside those that move the cursor, that knows the escape character', () => {
    expect(holding(/\\u001b|\\x1b|\\033/i)).toEqual(
      [
        'src/terminal/bar-terminal.ts',
        'src/terminal/styled.ts',
        'src/terminal/terminal.ts',
        // A key, not an output.
        'src/cli/dashboard/dashboard.tsx',
        'src/terminal/painter.ts',
        'src/wizard/prompts/screen-prompt.ts',
      ].sort(),
    );
  });

  it('has a twin in ASCII for every sign that words are written with', () => {
    // Drawings, of which styles and pictures choose by what the terminal can.
    const drawn = /^src\/terminal\/(style|signs|chart|pictures)\.ts$|^src\/cli\/dashboard\/(end|parts)\.ts$/;
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

  it('`ps` loads the readers of events only where a run goes on', () => {
    const loaded = loadedWith('src/cli/commands/ps.ts');
    expect(loaded).toContain('src/engine/runs/summary.ts');
    expect(loaded.filter((input) => input.startsWith('src/engine/events/'))).toEqual([]);
  });
});
