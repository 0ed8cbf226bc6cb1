/** Findings about the captions of a data set. Pure. */
import { inNumber, plural } from '../../base/text.ts';
import { estimateTokens, looksLikeTags, says } from '../plan/captions.ts';
import { tagTable } from '../plan/tag-table.ts';
import type { CheckImage, DatasetFinding, FindingItem } from './finding.ts';

export interface CaptionFacts {
  readonly trigger: string;
  /** Tokens of captions by the tokenizer of the base model; undefined where no tokenizer is on this machine. */
  readonly tokens: ReadonlyMap<string, number> | undefined;
}

/** Tokens of a chunk of CLIP (77 with begin and end), and of the three chunks that are read. */
const CHUNK = 75;
const MOST_TOKENS = 225;

export function captionFindings(images: readonly CheckImage[], facts: CaptionFacts): readonly DatasetFinding[] {
  return [
    ...bare(images),
    ...equal(images),
    ...garbled(images),
    ...wideCommas(images),
    ...long(images, facts),
    ...misspelt(images),
    ...trigger(images, facts),
  ];
}

/** A finding about the images for which `detailOf` returns words; none when there is no such image. */
function over(
  images: readonly CheckImage[],
  detailOf: (image: CheckImage) => string | undefined,
  finding: (count: number) => Omit<DatasetFinding, 'items'>,
): DatasetFinding[] {
  const items = images.flatMap((image): FindingItem[] => {
    const detail = detailOf(image);
    return detail === undefined ? [] : [{ path: image.path, detail }];
  });
  return items.length === 0 ? [] : [{ ...finding(items.length), items }];
}

const bare = (images: readonly CheckImage[]) =>
  over(
    images,
    ({ own }) => (own === null ? 'has no caption' : undefined),
    (count) => ({
      kind: 'no-caption',
      level: 'info',
      what:
        count === images.length
          ? 'No picture has a caption.'
          : `${count} of ${plural(images.length, 'picture')} without a caption, or with an empty one.`,
      done: `${inNumber(count, 'It is', 'They are')} trained with dataset.default_caption, else with the trigger alone.`,
      change: `visiontrain dataset caption writes ${inNumber(count, 'it', 'them')}; captions.write in run.yaml does so before a run.`,
    }),
  );

/** Captions that several images share. One caption for all images is a way to train, and no finding. */
function equal(images: readonly CheckImage[]): DatasetFinding[] {
  const groups = new Map<string, string[]>();
  for (const { own, path } of images) if (own !== null) groups.set(own, [...(groups.get(own) ?? []), path]);
  const captioned = images.filter(({ own }) => own !== null).length;
  const shared = [...groups.values()].filter((paths) => paths.length > 1);
  if (shared.length === 0 || captioned < 2) return [];
  const items = shared.flatMap((paths) =>
    paths.slice(1).map((path) => ({ path, detail: `has the caption of ${paths[0]}` })),
  );
  return [
    {
      kind: 'same-caption',
      level: 'info',
      what:
        groups.size === 1
          ? `All ${captioned} captions are the same.`
          : `${plural(items.length, 'picture')} with the caption of another.`,
      done: `${inNumber(items.length, 'Both', 'They')} are trained on so: what differs between them goes into the same words.`,
      change: 'Write what is different into the captions, or leave them if the pictures differ in nothing.',
      items,
    },
  ];
}

/** Matches UTF-8 that was once read as Windows-1252 and saved again, or the replacement character. */
const GARBLED = /\u00c3[\u0080-\u00bf\u0192-\u2122]|\u00e2\u20ac|\ufffd/u;

const garbled = (images: readonly CheckImage[]) =>
  over(
    images,
    ({ own }) => (own !== null && GARBLED.test(own) ? 'has letters that were spoilt by another encoding' : undefined),
    (count) => ({
      kind: 'garbled',
      level: 'warn',
      what: `${plural(count, 'caption')} with letters from another encoding.`,
      done: inNumber(count, 'It is trained on as it stands.', 'They are trained on as they stand.'),
      change: `Save the ${inNumber(count, 'caption', 'captions')} as UTF-8.`,
    }),
  );

const WIDE = /[\uff0c\u3001\ufe50]/u;

const wideCommas = (images: readonly CheckImage[]) =>
  over(
    images,
    ({ own }) => (own !== null && WIDE.test(own) ? 'has wide commas' : undefined),
    (count) => ({
      kind: 'wide-comma',
      level: 'warn',
      what: `${plural(count, 'caption')} with the commas of Chinese or Japanese.`,
      done: 'Such commas part no tags: all between two plain commas is one tag.',
      change: 'Write plain commas.',
    }),
  );

function long(images: readonly CheckImage[], { tokens }: CaptionFacts): DatasetFinding[] {
  const about = tokens === undefined ? 'about ' : '';
  const counted = images.map(({ caption }) => tokens?.get(caption) ?? estimateTokens(caption));
  const most = counted.reduce((a, b) => Math.max(a, b), 0);
  const cut = counted.filter((count) => count > MOST_TOKENS).length;
  const numbered = new Map(images.map(({ path }, i) => [path, counted[i] ?? 0]));
  return over(
    images,
    ({ path }) => {
      const count = numbered.get(path) ?? 0;
      if (count <= CHUNK) return undefined;
      const chunks = Math.ceil(Math.min(count, MOST_TOKENS) / CHUNK);
      return `has ${about}${count} tokens: ${chunks} chunks of ${CHUNK}${count > MOST_TOKENS ? `, and ${count - MOST_TOKENS} that are not read` : ''}`;
    },
    (count) => ({
      kind: 'long-caption',
      level: cut > 0 ? 'warn' : 'info',
      what: `${plural(count, 'caption')} longer than one chunk of ${CHUNK} tokens; ${inNumber(count, 'it', 'the longest')} has ${about}${most}.`,
      done: `${Math.min(3, Math.ceil(most / CHUNK))} chunks are read; what goes beyond 3 is not.`,
      change: `Shorten ${inNumber(count, 'it', 'them')}, or set captions.limit: what a prompt cannot hold is of little use.`,
    }),
  );
}

function misspelt(images: readonly CheckImage[]): DatasetFinding[] {
  const own = images.flatMap((image) => (image.own === null ? [] : [image.own]));
  // In sentences, the parts between commas are no tags.
  if (own.filter(looksLikeTags).length * 2 < own.length) return [];
  const { near } = tagTable(own);
  const [first] = near;
  if (first === undefined) return [];
  const items = near.flatMap(({ tag, likely }) =>
    images
      .filter((image) => image.own?.split(',').some((part) => part.trim() === tag))
      .map(({ path }) => ({ path, detail: `has the tag ${tag}: is ${likely} meant?` })),
  );
  return [
    {
      kind: 'misspelt',
      level: 'warn',
      what: `${plural(near.length, 'tag')} one letter away from a frequent one.`,
      done: `${inNumber(near.length, 'It', 'Each')} is trained on as a tag of its own.`,
      change: `captions.replace: ["${first.tag} -> ${first.likely}"] in run.yaml, or mend the files.`,
      items,
    },
  ];
}

function trigger(images: readonly CheckImage[], { trigger: word, tokens }: CaptionFacts): DatasetFinding[] {
  const wanted = word.trim();
  if (wanted === '') return [];
  const missing = over(
    images.filter(({ own }) => own !== null),
    ({ own }) => (says(own ?? '', wanted) ? undefined : 'does not say the trigger'),
    (count) => ({
      kind: 'no-trigger',
      level: 'info',
      what: `${plural(count, 'caption')} without the trigger ${wanted}.`,
      done: inNumber(
        count,
        'The trigger is put in front of it when it is trained on; the file stays as it is.',
        'The trigger is put in front of them when they are trained on; files stay as they are.',
      ),
      change: `Nothing, unless the word is spelt otherwise in ${inNumber(count, 'it', 'them')}.`,
    }),
  );
  const words = wanted.split(/[\s,]+/u).filter((part) => part !== '');
  // A word of CLIP's vocabulary is a single token. It is there because it was frequent in CLIP's training texts.
  const known = tokens !== undefined && words.every((part) => tokens.get(part) === 1);
  if (!known) return missing;
  return [
    ...missing,
    {
      kind: 'known-trigger',
      level: 'warn',
      what: `The base model knows the trigger ${wanted}: ${words.length === 1 ? 'it is one token of its vocabulary' : 'each word is a token of its vocabulary'}.`,
      done: 'The LoRA learns its subject over what the word already means.',
      change: 'Take a word that means nothing yet (dataset.trigger), unless that meaning is what you want to change.',
      items: [],
    },
  ];
}
