/** JSON Schema of run.yaml, so that editors complete and check it. */
import { type JsonNode, specJson } from './keys.ts';

/** Schema of a run.yaml as a person writes it: keys that a recipe or a default fills in are optional. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  const properties = Object.fromEntries(
    Object.entries(specJson.properties ?? {}).map(([name, node]) => [
      name,
      node.properties === undefined ? node : { ...withFileNames(node, name), ...requiredOf(name) },
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

/**
 * The schema of a section whose list of prompts may be replaced by the name of a file. That file is read before the
 * rest is checked.
 */
function withFileNames(node: JsonNode, section: string): JsonNode {
  const prompts = section === 'samples' ? node.properties?.prompts : undefined;
  if (prompts === undefined) return node;
  const { description = '', ...list } = prompts;
  const file = { type: 'string', pattern: String.raw`\.([tT][xX][tT]|[tT][oO][mM][lL]|[jJ][sS][oO][nN])$` };
  return { ...node, properties: { ...node.properties, prompts: { description, anyOf: [list, file] } } };
}

function requiredOf(section: string): { required: string[] } {
  if (section === 'dataset') return { required: ['path'] };
  return { required: section === 'model' ? ['base'] : [] };
}
