/** Who chose each key of a run.yaml, read back from the comments that `write.ts` puts behind the values. Pure. */
import { specKeys } from './keys.ts';
import { type Chooser, choosers } from './schema.ts';
import { pathKey, type YamlTree } from './yaml-tree.ts';

/** The choosers by key, of every key whose comment starts with the word for a chooser. */
export function chosenBy(tree: YamlTree): ReadonlyMap<string, Chooser> {
  const claimed = new Map<string, Chooser>();
  for (const { key } of specKeys) {
    const comment = tree.nodes.get(pathKey(key.split('.')))?.comment;
    const [first = ''] = /^[a-z]+\b(?::[A-Za-z0-9][\w.-]*)?/u.exec(comment ?? '') ?? [];
    const word = isOwn(first) ? first : choosers.find((chooser) => chooser === first);
    if (word !== undefined) claimed.set(key, word);
  }
  return claimed;
}

const isOwn = (word: string): word is `preset:${string}` => /^preset:./u.test(word);
