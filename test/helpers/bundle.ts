import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
// @ts-expect-error -- scripts are plain JavaScript, which has no types.
import { inkRemembers } from '../../scripts/lib/bundle-plugins.mjs';

const root = join(import.meta.dirname, '..', '..');

/** Bundles a program of test/fixtures like dist/, so that plain Node can run it; returns the path of the bundle. */
export async function bundleFixture(name: string): Promise<string> {
  const outfile = join(root, '.cache', 'fixtures', `${name}.mjs`);
  mkdirSync(join(root, '.cache', 'fixtures'), { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: [`test/fixtures/${name}.tsx`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.22',
    define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
    plugins: [inkRemembers],
    alias: { 'react-devtools-core': './scripts/lib/empty.mjs' },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  return outfile;
}
