/** JSON Schema of run.yaml, so that editors complete and check it. */
import { specJson } from './keys.ts';

/** Schema of what a person writes: keys that a recipe or a default fills in are optional. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  const properties = Object.fromEntries(
    Object.entries(specJson.properties ?? {}).map(([name, node]) => [
      name,
      node.properties === undefined ? node : { ...node, ...requiredOf(name) },
    ]),
  );
  return {
    ...specJson,
    title: 'visiontrain run.yaml',
    description: 'One training run. Only version, dataset.path and model.base must be given.',
    properties,
    required: ['version', 'dataset', 'model'],
  };
}

function requiredOf(section: string): { required: string[] } {
  if (section === 'dataset') return { required: ['path'] };
  return { required: section === 'model' ? ['base'] : [] };
}
