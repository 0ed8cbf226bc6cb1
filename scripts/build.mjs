// Bundles the command line into dist/: one light entry, lazy chunks for everything heavy, no node_modules at run time.
import './lib/node.mjs';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { inkRemembers, lateLibraries, lazyFiles, plainBuiltins, takenFrom, unused } from './lib/bundle-plugins.mjs';
import { stampSources } from './lib/stamp.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });

const MAIN = 'src/cli/main.ts';
/** Modules that are imported lazily but bundled with the core: `ps` is to start as fast as `--help`. */
const EAGER = ['src/cli/commands/ps.ts'];
const HELP = 'src/cli/parse/quick-help.ts';
const START = 'src/base/files/compile-cache.ts';
const SUPERVISOR = 'src/engine/supervisor/supervisor-main.ts';
const requireLine =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";
const common = {
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node22.22',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
};
const bundled = {
  ...common,
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  // Ink imports this package statically, though it is used only while developing Ink.
  alias: { 'react-devtools-core': './scripts/lib/empty.mjs' },
};

/** Paths that a file leads to by static imports, itself among them. */
function closure(inputs, file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const { path, kind } of inputs[file]?.imports ?? [])
    if (kind === 'import-statement') closure(inputs, path, found);
  return found;
}

/**
 * What every command needs, and `ps`, is the core: one CommonJS file. Node reads such a file in a tenth of the time that
 * it takes to resolve and link a few ES modules. Everything else is lazy, in ES modules that take what they share with the
 * core from there, so that each module exists once.
 */
function parts({ inputs }) {
  const found = closure(inputs, MAIN);
  for (const path of EAGER) closure(inputs, path, found);
  const core = [...found].filter((path) => path.startsWith('src/'));
  const lazy = core.flatMap((path) => inputs[path].imports.filter(({ kind }) => kind === 'dynamic-import'));
  const entries = [...new Set(lazy.map(({ path }) => path))].filter((path) => !core.includes(path));
  // src/cli/commands/models/add.ts is called models-add.
  const name = (path) => path.replace(/^src\/(cli\/commands\/|cli\/)?|\.tsx?$/g, '').replaceAll('/', '-');
  return { core, entries: new Map(entries.map((path) => [path, name(path)])) };
}

/** The text of one module that exports what `own` exports, and each of `modules` by its path. */
const together = (modules, own) => ({
  contents: `${modules.map((path, i) => `import * as m${i} from './${path}';`).join('\n')}
    export * from './${own}';
    export const modules = { ${modules.map((path, i) => `${JSON.stringify(path)}: m${i}`).join(', ')} };`,
  resolveDir: root,
  loader: 'js',
});

const { metafile: draft } = await build({
  ...bundled,
  entryPoints: { start: START, cli: MAIN, supervisor: SUPERVISOR },
  splitting: true,
  format: 'esm',
  write: false,
});
const { core, entries } = parts(draft);
const early = [...closure(draft.inputs, START)].filter((path) => path.startsWith('src/'));
const commonJs = (name, modules, own) => ({
  ...bundled,
  stdin: together(modules, own),
  outdir: undefined,
  outfile: `dist/${name}`,
  format: 'cjs',
  define: { ...bundled.define, 'import.meta.dirname': '__dirname' },
});
// The code that runs before the compile cache is switched on is a file of its own.
const { metafile: start } = await build({
  ...commonJs('start.cjs', early, START),
  plugins: [plainBuiltins],
});
const { metafile: first } = await build({
  ...commonJs(
    'cli.cjs',
    core.filter((path) => path !== MAIN),
    MAIN,
  ),
  plugins: [lazyFiles(entries), takenFrom('start.cjs', early), lateLibraries, unused, plainBuiltins],
});
const { metafile: help } = await build({
  ...commonJs('help.cjs', [], HELP),
  // The list of commands names the file of each, and help loads none of them.
  plugins: [lazyFiles(entries, 'cli.cjs'), lateLibraries, unused, plainBuiltins],
});
const { metafile: later } = await build({
  ...bundled,
  entryPoints: { ...Object.fromEntries([...entries].map(([path, name]) => [name, path])), supervisor: SUPERVISOR },
  splitting: true,
  format: 'esm',
  plugins: [takenFrom('cli.cjs', core), unused, inkRemembers, plainBuiltins],
});
const metafile = {
  inputs: { ...later.inputs, ...first.inputs, ...start.inputs },
  outputs: { ...start.outputs, ...help.outputs, ...first.outputs, ...later.outputs },
};
// The report's page has one script and one style, which `src/report/assets.ts` puts into it.
const page = await build({
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  minify: true,
  format: 'iife',
  // Browsers of the last three years.
  target: ['chrome123', 'firefox120', 'safari17.5'],
  legalComments: 'none',
  charset: 'utf8',
  metafile: true,
  logLevel: 'warning',
  entryPoints: { report: 'page/report.ts' },
});
const sheet = await build({
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  minify: true,
  legalComments: 'none',
  charset: 'utf8',
  // The style follows `light-dark()`, which is not to be rewritten for older browsers.
  target: ['chrome123', 'firefox120', 'safari17.5'],
  metafile: true,
  logLevel: 'warning',
  entryPoints: { report: 'page/report.css' },
});

// Bundled CommonJS packages call require() for Node's own modules, by way of the one chunk that has it.
for (const file of Object.keys(later.outputs)) {
  const text = readFileSync(join(root, file), 'utf8');
  if (text.includes('typeof require')) writeFileSync(join(root, file), `${requireLine}\n${text}`);
}

/** Writes the bundled packages with their licence texts, as their licences require. */
function notices() {
  const inputs = [metafile, page.metafile, sheet.metafile].flatMap((each) => Object.keys(each.inputs));
  const folders = inputs.map((input) => input.match(/^([^:]*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean);
  return [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(root, folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
}

mkdirSync(join(root, '.cache'), { recursive: true });
// A test reads this file to check what `--help` may load.
writeFileSync(join(root, '.cache', 'bundle.json'), JSON.stringify(metafile));
writeFileSync(join(dist, 'THIRD-PARTY-NOTICES.txt'), notices().join(`\n${'-'.repeat(80)}\n\n`));
writeFileSync(join(dist, '.stamp'), stampSources(root));
