import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

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
      /^src\/cli\/(ui\/|terminal\.tsx?)/,
    ],
    ['only the prompts of the wizard import Inquirer', /^src\//, /^@inquirer\//, /^src\/wizard\/ask\//],
    ['the wizard knows nothing of commands', /^src\/wizard\//, /^src\/cli\/commands/, /^$/],
  ])('%s', (_rule, from, to, except) => {
    const broken = all.filter(([file, target]) => from.test(file) && to.test(target) && !except.test(file));
    expect(broken).toEqual([]);
  });
});

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
