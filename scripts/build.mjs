// Bundles the command line into dist/: one light entry, lazy chunks for everything heavy, no node_modules at run time.
import './lib/node.mjs';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { stampSources } from './lib/stamp.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });

const MAIN = 'src/cli/main.ts';
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
const options = {
  ...common,
  entryPoints: { cli: MAIN, supervisor: SUPERVISOR },
  splitting: true,
  format: 'esm',
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
 * Keeps what the command line loads at once in one chunk. esbuild puts modules together that the same entries reach, and
 * each lazy module is an entry: so all of them are made to reach all of it, which is loaded before them anyway. One file
 * less to load is a millisecond.
 */
function oneCore({ inputs }) {
  const core = [...closure(inputs, MAIN)].filter((path) => path.startsWith('src/') && path !== MAIN);
  const imports = Object.values(inputs).flatMap((input) => input.imports);
  const lazy = imports.filter(({ kind, path }) => kind === 'dynamic-import' && path.startsWith('src/'));
  const entries = new Set([...lazy.map(({ path }) => path), SUPERVISOR].map((path) => join(root, path)));
  const first = core.map((path) => `import ${JSON.stringify(join(root, path))};`).join('');
  return {
    name: 'one-core',
    setup(plugin) {
      plugin.onLoad({ filter: /\.tsx?$/ }, ({ path }) =>
        entries.has(path)
          ? { contents: first + readFileSync(path, 'utf8'), loader: path.endsWith('x') ? 'tsx' : 'ts' }
          : undefined,
      );
    },
  };
}

/**
 * What libraries load at once and nothing here uses: commander a module of Node for commands that are programs of their
 * own, chalk Node's network code to ask how many colours there are, which `capabilities` decides.
 */
const unused = {
  name: 'unused',
  setup(plugin) {
    plugin.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: join(root, 'scripts', 'lib', 'empty.mjs') } : undefined,
    );
    plugin.onLoad({ filter: /\/chalk\/source\/vendor\/supports-color\/index\.js$/ }, () => ({
      contents: 'export default { stdout: false, stderr: false };',
    }));
  },
};

/** Modules of Node whose exports are plain functions, so that an object that inherits from them does as well as they. */
const inheritable = ['fs', 'os', 'path', 'url', 'util'];

/** Such modules that Node has not loaded when it starts, and of which most commands call nothing. */
const late = ['child_process', 'crypto', 'fs/promises', 'http', 'https', 'net', 'readline', 'tls', 'tty', 'zlib'];

/**
 * Takes Node's own modules without Node's ES module wrapping, which reads every export of a module: of `fs` that loads
 * streams and promises, of `process` the network and the terminal, 10 ms before the first line of ours runs. A bundled
 * module's exports are copied one by one, unless they are inherited. Late ones are loaded when something of them is
 * first asked for: `child_process` alone takes 5 ms.
 */
const plainBuiltins = {
  name: 'plain-builtins',
  setup(plugin) {
    plugin.onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path)
        ? { path: path.replace(/^node:/, ''), namespace: 'plain-builtin' }
        : undefined,
    );
    plugin.onLoad({ filter: /./, namespace: 'plain-builtin' }, ({ path }) => {
      const builtin = `process.getBuiltinModule(${JSON.stringify(`node:${path}`)})`;
      if (late.includes(path))
        return { contents: `module.exports = Object.create(new Proxy({}, { get: (_, name) => ${builtin}[name] }));` };
      return { contents: `module.exports = ${inheritable.includes(path) ? `Object.create(${builtin})` : builtin};` };
    });
  },
};

const { metafile: draft } = await build({ ...options, write: false });
const { metafile } = await build({ ...options, plugins: [oneCore(draft), unused, plainBuiltins] });
// What is needed before compiled code may be kept is one file that Node loads at once.
await build({
  ...common,
  entryPoints: { start: 'src/base/files/compile-cache.ts' },
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
});

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
for (const file of Object.keys(metafile.outputs)) {
  const text = readFileSync(join(root, file), 'utf8');
  if (text.includes('typeof require')) writeFileSync(join(root, file), `${requireLine}\n${text}`);
}

/** Writes the bundled packages with their licence texts, as their licences require. */
function notices() {
  const inputs = [metafile, page.metafile, sheet.metafile].flatMap((each) => Object.keys(each.inputs));
  const folders = inputs.map((input) => input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean);
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
