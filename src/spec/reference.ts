/** Makes the page docs/reference/run-yaml.md from the schema alone. A test compares it with the committed page. */
import { lostWords } from './foreign/lost.ts';
import { foreignWords } from './foreign/words.ts';
import { expectation, groupOf, type JsonNode, type SpecKey, sections, specKeys } from './keys.ts';
import { taskOf, trainingTasks } from './training/tasks.ts';

const INTRO = `# run.yaml

<!-- Made from src/spec/schema.ts by scripts/reference.mjs. Do not edit. -->

One file says everything about a training run. Three keys are enough:

\`\`\`yaml
version: 1
dataset:
  path: ./pictures
model:
  base: sd15
\`\`\`

What is left out comes from the recipe of the base model, else from the default; a recipe may set any key, and sets those
with *recipe* below. Unknown keys, wrong
types and combinations that cannot work are errors that name file, line and key. Relative paths start at the file's own
folder. On the command line, \`--set training.rank=32\` lays a value over the file.

Files that visiontrain writes hold every key, and behind each value who chose it: \`you\`, \`preset\` (recipe or default),
\`detected\` (read from your files or your machine). \`visiontrain schema\` prints a JSON Schema for editors.
`;

const TITLES: Readonly<Record<string, string>> = {
  dataset: 'The pictures and their captions, and how they are cut to size.',
  captions: 'Captions for pictures that have none, written before the training, and rules over all captions.',
  model: 'What the LoRA is trained on.',
  training: 'How it learns.',
  validation: 'When the loss on pictures that are not trained on is measured, and whether that ends the run.',
  samples: 'Pictures made on the way, to see what is learned. Their size is the largest of `dataset.resolution`.',
  output: 'What is written.',
  resources:
    'How the machine is used. What is not possible here (half precision on a processor) is replaced, and said.',
};

export function referencePage(): string {
  const top = specKeys.filter(({ section }) => section === '');
  const parts = sections.map((section) => {
    const keys = specKeys.filter((key) => key.section === section);
    return `## ${section}\n\n${TITLES[section] ?? ''}\n\n${section === 'training' ? byTask(keys) : table(keys)}`;
  });
  return `${[INTRO, table(top), ...parts].join('\n')}`;
}

/** The keys of `training` in a table for each task. */
function byTask(keys: readonly SpecKey[]): string {
  return trainingTasks
    .map(
      ({ id, label }) =>
        `### ${label}\n\n${table(keys.filter(({ key }) => taskOf(key.slice('training.'.length)) === id))}`,
    )
    .join('\n');
}

function table(keys: readonly SpecKey[]): string {
  const rows = keys.map(({ key, node }) => {
    const unit = node.unit === undefined ? '' : ` (${node.unit})`;
    const name = key.split('.').at(-1) ?? key;
    return `| \`${name}\` | ${expectation(node)}${unit} | ${standard(key, node)} | ${node.description} *${node.why}*${inside(node)} |`;
  });
  return `| key | value | default | what it is, *and why one changes it* |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

/** The settings of a key whose value is a group, or a list of groups, one a line. */
function inside(node: JsonNode): string {
  const list = [node, ...(node.anyOf ?? [])].find(({ items }) => items);
  const group = groupOf(node) ?? groupOf((list?.items || undefined) ?? {}) ?? {};
  return Object.entries(group)
    .map(([name, inner]) => {
      const standard = inner.default === undefined ? '' : ` (\`${JSON.stringify(inner.default)}\`)`;
      return `<br>\`${name}\`${standard}: ${expectation(inner)}. ${inner.description}`;
    })
    .join('');
}

const MUST = new Set(['version', 'dataset.path', 'model.base']);

function standard(key: string, node: JsonNode): string {
  if (MUST.has(key)) return 'must be given';
  if (key === 'name') return "the folder's name";
  return node.default === undefined ? 'recipe' : `\`${JSON.stringify(node.default)}\``;
}

const FOREIGN_INTRO = `# Words of other trainers

<!-- Made from src/spec/foreign/ by scripts/reference.mjs. Do not edit. -->

Where run.yaml or \`--set\` holds one of these words of sd-scripts, kohya_ss, OneTrainer, ai-toolkit, SimpleTuner or
diffusers' scripts, in whatever section, the error names the key here with the value converted. Epochs are counted in
steps, from the pictures in the folder.
`;

/** Makes the page docs/reference/other-trainers.md. */
export function foreignPage(): string {
  const keys = [...new Set(foreignWords.map(({ key }) => key))];
  const rows = keys.map((key) => {
    const words = foreignWords.filter((word) => word.key === key);
    return `| ${words.flatMap(({ names, as }) => names.map((name) => `\`${name}\`${as === 'epochs' ? ' (epochs)' : ''}`)).join(', ')} | \`${key}\` |`;
  });
  const lost = lostWords.map(({ names, say }) => `| ${names.map((name) => `\`${name}\``).join(', ')} | ${say} |`);
  const heads = ['| there | here |\n|---|---|\n', '## Without a key here\n\n| there | here |\n|---|---|\n'];
  return `${FOREIGN_INTRO}\n${heads[0]}${rows.join('\n')}\n\n${heads[1]}${lost.join('\n')}\n`;
}
