// Writes the pages of docs/reference that are made from the sources.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');

// Node 20 cannot run TypeScript by itself.
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ['src/engine/config/reference.ts'],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
});
const code = Buffer.from(outputFiles[0].contents).toString('base64');
const { referencePage } = await import(`data:text/javascript;base64,${code}`);
mkdirSync(join(root, 'docs', 'reference'), { recursive: true });
writeFileSync(join(root, 'docs', 'reference', 'run-yaml.md'), referencePage());
