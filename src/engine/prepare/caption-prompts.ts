/**
 * Sample prompts where nobody gives any: captions of images kept out of training, else such as no image has, of those
 * that are most like all the others. The last prompt stays the recipe's, since it asks for what no caption does. Pure.
 */
import { byCodePoint } from '../../base/text.ts';
import { readPromptLine } from '../../spec/prompt-flags.ts';
import { promptSyntax } from '../../spec/prompt-syntax.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { plainCaption } from '../plan/caption-forms.ts';
import { looksLikeTags, tagsOf, triggerFirst } from '../plan/captions.ts';
import type { PlanImage } from '../plan/schema.ts';
import type { FilledSpec } from './fill.ts';

type Captioned = Pick<PlanImage, 'caption' | 'validation' | 'regularisation'>;

/** Tags that say how good an image is, or on what site it was, and nothing of what it shows. */
const QUALITY =
  /^(?:masterpiece|(?:best|amazing|great|good|normal|high|low|worst|average) (?:quality|score)|very aesthetic|aesthetic|absurdres|highres|newest|recent|score_\d+(?:_up)?|(?:source|rating)_\w+|general|sensitive)$/iu;

/** Most captions that others are compared with: more tell the same. */
const MOST = 256;
/** Longest prompt, in characters, as the schema has it. */
const LONGEST = 2000;
/** Least words or tags, besides the trigger, of a caption that says what an image shows. */
const LEAST = 2;

/**
 * Whether nobody chose the prompts of a file that has some, and the run writes captions: these came after the file, so
 * that the recipe's prompts are in it.
 */
const awaitCaptions = ({ spec, provenance }: FilledSpec) =>
  spec.captions.write !== null && provenance['samples.prompts'] === 'preset';

/** Whether captions may give the prompts. */
export const promptsAreOpen = (filled: FilledSpec) => filled.openPrompts === true || awaitCaptions(filled);

/** The spec with prompts from captions, where nobody chose any and captions give some; else as it is. */
export function withCaptionPrompts<T extends FilledSpec>(filled: T, images: readonly Captioned[]): T {
  return promptsAreOpen(filled) ? withPrompts(filled, captionPrompts(images, filled.spec)) : filled;
}

/** The spec with these prompts; as it is where there are none. */
export function withPrompts<T extends FilledSpec>(filled: T, prompts: readonly string[]): T {
  const { spec, provenance } = filled;
  if (prompts.length === 0) return filled;
  return {
    ...filled,
    spec: { ...spec, samples: { ...spec.samples, prompts: [...prompts] } },
    provenance: { ...provenance, 'samples.prompts': 'detected' },
  };
}

/** As many prompts as the spec has; none where no caption may be drawn. */
export function captionPrompts(images: readonly Captioned[], { dataset, samples }: RunSpec): readonly string[] {
  const own = images.filter(({ regularisation }) => !regularisation);
  const trigger = dataset.trigger.trim();
  const plain = (image: Captioned) => oneLine(plainCaption(image.caption, dataset.caption_options));
  const trained = own.filter(({ validation }) => !validation).map(plain);
  const held = own.filter(({ validation }) => validation).map(plain);
  const known = new Set(trained.map(same));
  const all = sorted([...trained, ...held].flatMap((text) => usable(text, trigger)));
  const count = Math.max(1, samples.prompts.length - 1);
  if (all.length === 0 || samples.prompts.length === 0) return [];
  const isNew = (text: string) => !known.has(same(text));
  const apart = sorted(held.flatMap((text) => usable(text, trigger))).filter(isNew);
  const often = frequencies(all);
  const changed =
    apart.length >= count ? [] : sorted(all.flatMap((text) => shortened(text, { trigger, often, isNew })));
  const drawn = (texts: readonly string[]) =>
    spread(texts, MOST).map((text): Drawn => ({ text, says: contentOf(text, trigger) }));
  const like = drawn(all).map(({ says }) => says);
  const first = typical(drawn(apart), { like, count, before: [] });
  const chosen = typical(drawn(changed), { like, count, before: first });
  if (chosen.length === 0) return [];
  const quality = qualityOf(samples.prompts[0] ?? '');
  return [...chosen.map(({ text }) => quality(text)), ...samples.prompts.slice(chosen.length)];
}

/** Puts the tags of quality that the base's own prompts begin or end with around a prompt, where it has them not. */
function qualityOf(recipe: string): (text: string) => string {
  const tags = tagsOf(recipe);
  const other = (tag: string) => !QUALITY.test(tag);
  const [from, to] = [tags.findIndex(other), tags.findLastIndex(other) + 1];
  return (text) => {
    const own = new Set(tagsOf(text.toLowerCase()));
    const lacks = (tag: string) => !own.has(tag.toLowerCase());
    const lead = tags.slice(0, Math.max(0, from)).filter(lacks);
    return [...lead, text, ...(to === 0 ? [] : tags.slice(to)).filter(lacks)].join(', ');
  };
}

const oneLine = (text: string) => text.replaceAll(/\s+/gu, ' ').trim();
const sorted = (texts: readonly string[]) => [...new Set(texts)].sort(byCodePoint);
/** At most so many, evenly spread. */
const spread = <T>(all: readonly T[], most: number): readonly T[] =>
  all.length <= most ? all : Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)] as T);

/** What two captions have in common that ask for the same: shuffled tags do. */
const same = (text: string) => [...new Set(tagsOf(text.toLowerCase()))].sort(byCodePoint).join(',');

function isPlain(text: string): boolean {
  const { line, problems } = readPromptLine(text);
  const hasFlags = Object.keys(line).length > 1 || problems.length > 0;
  return !hasFlags && promptSyntax(text).length === 0 && !/[{}|]/u.test(text);
}

/** The caption as a prompt, with the trigger in front of its tags and without tags that other programs read as commands. */
function usable(caption: string, trigger: string): readonly string[] {
  const isTags = looksLikeTags(caption);
  const kept = isTags && !/[{}|]/u.test(caption) ? tagsOf(caption).filter(isPlain).join(', ') : caption;
  const text = isTags && trigger !== '' ? triggerFirst(kept, trigger) : kept;
  return isPlain(text) && text.length <= LONGEST && contentOf(text, trigger).size >= LEAST ? [text] : [];
}

/** What a caption says of its image: its tags, or the words of a sentence. */
function contentOf(text: string, trigger: string): ReadonlySet<string> {
  const words = new Set(trigger.toLowerCase().split(/[\s,]+/u));
  const parts = looksLikeTags(text) ? tagsOf(text.toLowerCase()) : (text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []);
  return new Set(parts.filter((part) => part !== trigger.toLowerCase() && !words.has(part) && !QUALITY.test(part)));
}

function frequencies(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const tag of new Set(tagsOf(text.toLowerCase()))) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return counts;
}

interface Shortening {
  readonly trigger: string;
  /** In how many captions a tag is. */
  readonly often: ReadonlyMap<string, number>;
  readonly isNew: (text: string) => boolean;
}

/**
 * The caption without its rarest tags, or without the last parts of its sentences, until no image has it: with a caption
 * that is trained on word for word, a sample that shows its image would be no copy but what was asked for.
 */
function shortened(text: string, { trigger, often, isNew }: Shortening): readonly string[] {
  const isTags = looksLikeTags(text);
  let parts = isTags ? [...tagsOf(text)] : text.split(/(?<=[.!?])\s+|,\s+/u);
  while (parts.length > 1) {
    const at = isTags ? rarest(parts, { trigger, often }) : parts.length - 1;
    if (at === undefined) return [];
    parts = parts.filter((_, i) => i !== at);
    const left = isTags ? parts.join(', ') : joinedSentence(parts);
    if (contentOf(left, trigger).size < LEAST) return [];
    if (isNew(left)) return [left];
  }
  return [];
}

const joinedSentence = (parts: readonly string[]) =>
  parts.reduce((all, part) => (/[.!?]$/u.test(all) ? `${all} ${part}` : `${all}, ${part}`));

/** Place of the tag that the fewest captions have, the last of equal ones; the trigger and quality stay. */
function rarest(tags: readonly string[], { trigger, often }: Omit<Shortening, 'isNew'>): number | undefined {
  const kept = new Set(tagsOf(trigger.toLowerCase()));
  let found: { readonly at: number; readonly count: number } | undefined;
  for (const [at, tag] of tags.entries()) {
    const count = often.get(tag.toLowerCase()) ?? 0;
    if (kept.has(tag.toLowerCase()) || QUALITY.test(tag) || (found !== undefined && count > found.count)) continue;
    found = { at, count };
  }
  return found?.at;
}

interface Drawn {
  readonly text: string;
  readonly says: ReadonlySet<string>;
}

interface Choosing {
  /** What the captions of the data set say. */
  readonly like: readonly ReadonlySet<string>[];
  /** Most prompts, with those before. */
  readonly count: number;
  readonly before: readonly Drawn[];
}

/** Adds those after which every caption is as near as may be to one of the chosen: typical ones, and no two alike. */
function typical(texts: readonly Drawn[], { like, count, before }: Choosing): readonly Drawn[] {
  const chosen = [...before];
  const near = like.map((other) => Math.max(0, ...before.map(({ says }) => overlap(says, other))));
  const rest = texts.map((drawn) => ({ drawn, by: like.map((other) => overlap(drawn.says, other)) }));
  while (chosen.length < count && rest.length > 0) {
    const gains = rest.map(({ by }) => by.reduce((sum, each, i) => sum + Math.max(0, each - (near[i] ?? 0)), 0));
    const [best] = rest.splice(gains.indexOf(Math.max(...gains)), 1);
    if (best === undefined) break;
    chosen.push(best.drawn);
    for (const [i, each] of best.by.entries()) near[i] = Math.max(near[i] ?? 0, each);
  }
  return chosen;
}

/** Jaccard's index: the share of what either has that both have. */
function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let both = 0;
  for (const each of a) if (b.has(each)) both += 1;
  return both / Math.max(1, a.size + b.size - both);
}
