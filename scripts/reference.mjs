// Writes all that is made from the sources: pages of docs/reference, and the trainer's dataclasses of the plan.
import './lib/node.mjs';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { load as loadYaml } from 'js-yaml';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'docs', 'reference');

// Lazy imports, such as the module of each command, are left out: their names do not need them.
const withoutLazy = {
  name: 'without-lazy',
  setup: ({ onResolve }) =>
    onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined)),
};

// Node runs no TypeScript whose types need more than removing.
async function load(source) {
  const options = { plugins: [withoutLazy], bundle: true, write: false, format: 'esm', platform: 'node' };
  const { outputFiles } = await build({ absWorkingDir: root, entryPoints: [source], ...options });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

const { foreignPage, referencePage } = await load('src/spec/reference.ts');
const { eventsPage } = await load('src/engine/events/reference.ts');
const { errorsPage } = await load('src/base/error-page.ts');
const { completionScript, shells } = await load('src/cli/commands/completion-scripts.ts');
const { manPage } = await load('src/cli/commands/shared/man-page.ts');
const { commands } = await load('src/cli/commands/table.ts');
const { planDataclasses } = await load('src/engine/plan/dataclasses.ts');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'run-yaml.md'), referencePage());
writeFileSync(join(folder, 'events.md'), eventsPage());
writeFileSync(join(folder, 'errors.md'), errorsPage());
writeFileSync(join(folder, 'other-trainers.md'), foreignPage());
writeFileSync(join(root, 'trainer', 'visiontrain_trainer', 'contract', 'plan_schema.py'), planDataclasses());
mkdirSync(join(root, 'completions'), { recursive: true });
const bases = loadYaml(readFileSync(join(root, 'presets', 'models.yaml'), 'utf8')).models.map(({ id }) => id);
for (const shell of shells)
  writeFileSync(join(root, 'completions', `visiontrain.${shell}`), completionScript(shell, commands, bases));
mkdirSync(join(root, 'man'), { recursive: true });
writeFileSync(join(root, 'man', 'visiontrain.1'), manPage(commands));
