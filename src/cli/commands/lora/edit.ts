import { dirname } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { makeGivenFolder } from '../../../base/files/given-place.ts';
import { explainWriteError } from '../../../base/files/write-errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { neutralise } from '../../../base/text.ts';
import { editLora, type MetadataChange } from '../../../engine/lora/edit.ts';
import { thumbnailOf } from '../../../report/thumbnail.ts';
import type { CommandRun } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';
import { inspected, loraPaths } from './files.ts';

/** The flags, each with its key of the metadata: Stability AI's model spec, which websites and programs read. */
const KEYS = {
  title: 'modelspec.title',
  author: 'modelspec.author',
  description: 'modelspec.description',
  license: 'modelspec.license',
  tags: 'modelspec.tags',
  usageHint: 'modelspec.usage_hint',
  trigger: 'modelspec.trigger_phrase',
} as const;
/** Characters of a text in the metadata. */
const LONGEST = 4000;

/** Changes the metadata of a LoRA file. Its weights are copied byte by byte. */
export const run: CommandRun = async (files, options, { out, flags }) => {
  const [from = ''] = loraPaths(files, 'edit', 1);
  const { base } = inspected(from);
  const change = changeOf(options);
  if (Object.keys(change).length === 0)
    throw new UsageError('Nothing is to be changed.', {
      id: 'command/wrong',
      nextSteps: [
        `visiontrain lora edit ${displayPath(from, process.cwd())} --title "Fox emblem" -o fox-titled.safetensors`,
      ],
    });
  const given = text(options.output);
  const to = given === undefined ? from : absolute(given, { cwd: process.cwd() });
  if (given === undefined && options.inPlace !== true)
    throw new UsageError('Where is the new file to go?', {
      id: 'command/wrong',
      nextSteps: ['Give it a name:  -o FILE', 'or change the file itself:  --in-place'],
    });
  makeGivenFolder(dirname(to), '-o FILE');
  try {
    const { bytes, sha256 } = editLora(from, to, change, options.inPlace === true && to === from);
    if (flags.json) out.json({ path: to, bytes, sha256, base, changed: Object.keys(change) });
    else {
      out.talk(`Written, with the same weights: SHA-256 ${sha256}`);
      out.verbatim(displayPath(to, process.cwd()));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new UsageError(`${to} is there already.`, {
        id: 'file/exists',
        nextSteps: ['Choose another name:  -o FILE'],
      });
    throw explainWriteError(error, to, 'Choose another place:  -o FILE');
  }
  return EXIT.ok;
};

/** The change for the options; an empty text removes the key. */
function changeOf(options: Options): MetadataChange {
  const change: Record<string, string | null> = {};
  for (const [flag, key] of Object.entries(KEYS)) {
    const value = text(options[flag]);
    if (value === undefined) continue;
    if (value.length > LONGEST)
      throw new UsageError(`--${flag} has ${value.length} characters; ${LONGEST} are the most.`, {
        id: 'command/wrong-value',
      });
    change[key] = value === '' ? null : neutralise(value);
  }
  const image = text(options.thumbnail);
  if (image !== undefined)
    change['modelspec.thumbnail'] = image === '' ? null : thumbnailOf(absolute(image, { cwd: process.cwd() }));
  return change;
}
