/** What `--find` of `dataset mask` and `dataset check` may say. */
import { UsageError } from '../../../base/errors.ts';
import { type MaskFind, masksSchema } from '../../../spec/training/subject-keys.ts';
import { type Options, texts } from '../shared/options.ts';

/** What `--find` says; the background without it. @throws UsageError for a word that is none of them */
export function findsOf(options: Options): readonly MaskFind[] {
  const words = texts(options.find).flatMap((one) => one.split(','));
  const parsed = masksSchema.safeParse(words.length === 0 ? {} : { find: words });
  if (parsed.success) return parsed.data.find;
  throw new UsageError(`--find ${words.join(',')}: it can be background, character, faces, text.`, {
    id: 'command/wrong-value',
  });
}
