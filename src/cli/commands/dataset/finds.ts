/** The values of `--find` for `dataset mask` and `dataset check`. */
import { UsageError } from '../../../base/errors.ts';
import { type MaskFind, masksSchema } from '../../../spec/training/subject-keys.ts';
import { type Options, texts } from '../shared/options.ts';

/**
 * The values of `--find`; the background without it.
 * @throws UsageError for an unknown word
 */
export function findsOf(options: Options): readonly MaskFind[] {
  const words = texts(options.find).flatMap((one) => one.split(','));
  const parsed = masksSchema.safeParse(words.length === 0 ? {} : { find: words });
  if (parsed.success) return parsed.data.find;
  throw new UsageError(
    `--find ${words.join(',')}: it can be background, character, faces, text, or words for what is seen.`,
    {
      id: 'command/wrong-value',
    },
  );
}
