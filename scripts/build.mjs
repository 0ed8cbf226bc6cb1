// Bundles the command line into dist/: one light entry, lazy chunks for everything heavy, no node_modules at run time.
import './lib/node.mjs';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { stampSources } from './lib/stamp.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    cli: 'src/cli/main.ts',
    start: 'src/base/files/compile-cache.ts',
    supervisor: 'src/engine/supervisor/supervisor-main.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.22',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  // Ink imports this package statically, though it is used only while developing Ink.
  alias: { 'react-devtools-core': './scripts/lib/empty.mjs' },
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});

/** Writes the bundled packages with their licence texts, as their licences require. */
function notices() {
  const folders = Object.keys(metafile.inputs)
    .map((input) => input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1])
    .filter(Boolean);
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
