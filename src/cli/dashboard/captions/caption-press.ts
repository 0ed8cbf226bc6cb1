/** The effect of a key on the screen on which captions are edited. Pure. */
import { oneLine } from '../../../engine/dataset/captions.ts';
import { tagKey } from '../../../engine/plan/caption-rules.ts';
import { tagsOf } from '../../../engine/plan/captions.ts';
import { type TypedLine, typeInto } from './typed-line.ts';

/** A part of a caption between commas, or a tag that could be one. */
export interface CaptionPart {
  readonly text: string;
  /** Whether it is in the caption. */
  readonly on: boolean;
  /** The tagger's probability from 0 to 1; undefined without one. */
  readonly score: number | undefined;
}

export interface EditImage {
  readonly path: string;
  /** The caption when the screen was opened. */
  readonly caption: string;
}

/** The captions that are edited. */
export interface CaptionSet {
  readonly images: readonly EditImage[];
  /** Tags of a tagger for the image of this index, the most probable first; empty when no tagger has examined it. */
  readonly scores: (image: number) => readonly (readonly [string, number])[];
  /** Tags of all captions, the most frequent first, which complete typed text. */
  readonly known: readonly string[];
}

interface Entry {
  /** The caption as it was last typed as a whole. */
  readonly whole: string;
  readonly parts: readonly CaptionPart[];
}

type Asking = TypedLine & { readonly kind: 'add' | 'whole' | 'search' };

export interface CaptionUi {
  /** Index of the image that is shown. */
  readonly at: number;
  /** Index of the selected part. */
  readonly row: number;
  /** Images that were edited. */
  readonly edits: ReadonlyMap<number, Entry>;
  /** Indices of images that a search found; undefined for all. */
  readonly found: readonly number[] | undefined;
  /** The line that is being typed; undefined while keys are commands. */
  readonly asking: Asking | undefined;
  /** The state before each change, the newest last. */
  readonly past: readonly { readonly at: number; readonly row: number; readonly entry: Entry }[];
  readonly notice: string;
}

export const initialCaptionUi: CaptionUi = {
  at: 0,
  row: 0,
  edits: new Map(),
  found: undefined,
  asking: undefined,
  past: [],
  notice: '',
};

/** Least probability of a tag that is offered, and (below) most tags that are offered. */
const LEAST_OFFERED = 0.1;
const MOST_OFFERED = 30;
const MOST_LETTERS = 20_000;

export const editEntry = (ui: CaptionUi, set: CaptionSet, at = ui.at): Entry =>
  ui.edits.get(at) ?? entryFrom(set.images[at]?.caption ?? '', set.scores(at));

function entryFrom(whole: string, scores: readonly (readonly [string, number])[]): Entry {
  const scored = new Map(scores.map(([tag, score]) => [tagKey(tag), score]));
  const own = tagsOf(whole).map((text) => ({ text, on: true, score: scored.get(tagKey(text)) }));
  const has = new Set(own.map(({ text }) => tagKey(text)));
  const offered = scores.filter(([tag, score]) => score >= LEAST_OFFERED && !has.has(tagKey(tag)));
  const rest = offered.slice(0, MOST_OFFERED).map(([text, score]) => ({ text, on: false, score }));
  return { whole, parts: [...own, ...rest] };
}

/** The caption of an entry: as it was typed while its parts are unchanged, else its parts joined. */
export function captionOfEntry({ whole, parts }: Entry): string {
  const joined = parts
    .filter(({ on }) => on)
    .map(({ text }) => text)
    .join(', ');
  return joined === tagsOf(whole).join(', ') ? whole : joined;
}

/** The images with a changed caption, by their indices. */
export const changedCaptions = (ui: CaptionUi, { images }: CaptionSet): ReadonlyMap<number, string> =>
  new Map(
    [...ui.edits]
      .map(([at, entry]) => [at, captionOfEntry(entry)] as const)
      .filter(([at, caption]) => caption !== images[at]?.caption),
  );

export interface KeyPress {
  /**
   * The key: enter, escape, left, right, up, down, tab, backspace, delete, home, end, ctrl-c, ctrl-u; undefined for
   * text.
   */
  readonly key?: string;
  /** Typed or pasted text. */
  readonly text?: string;
}

/** The next state, or `leave`. */
export function pressCaption(ui: CaptionUi, pressed: KeyPress, set: CaptionSet): CaptionUi | 'leave' {
  if (pressed.key === 'ctrl-c') return 'leave';
  const clear = { ...ui, notice: '' };
  if (ui.asking !== undefined) return typed(clear, pressed, { ...set, asking: ui.asking });
  return command(clear, pressed.key ?? pressed.text ?? '', set);
}

function command(ui: CaptionUi, key: string, set: CaptionSet): CaptionUi | 'leave' {
  const { parts, whole } = editEntry(ui, set);
  const ask = (kind: Asking['kind'], text = ''): CaptionUi => ({ ...ui, asking: { kind, text, cursor: text.length } });
  switch (key) {
    case 'up':
    case 'k':
      return { ...ui, row: Math.max(0, ui.row - 1) };
    case 'down':
    case 'j':
      return { ...ui, row: Math.min(Math.max(0, parts.length - 1), ui.row + 1) };
    case ' ':
    case 'enter':
      return changed(ui, set, {
        whole,
        parts: parts.map((part, i) => (i === ui.row ? { ...part, on: !part.on } : part)),
      });
    case 'right':
    case 'n':
      return moved(ui, set, 1);
    case 'left':
    case 'p':
      return moved(ui, set, -1);
    case 'a':
      return ask('add');
    case 'e':
      return ask('whole', captionOfEntry(editEntry(ui, set)));
    case '/':
      return ask('search');
    case 'u':
      return undone(ui);
    case 'escape':
      return ui.found === undefined ? ui : { ...ui, found: undefined, notice: 'All pictures again.' };
    case 'q':
      return 'leave';
    default:
      return ui;
  }
}

function moved(ui: CaptionUi, { images }: CaptionSet, by: 1 | -1): CaptionUi {
  const all = ui.found ?? images.map((_, i) => i);
  const next = by === 1 ? all.find((at) => at > ui.at) : all.findLast((at) => at < ui.at);
  if (next === undefined) return { ...ui, notice: by === 1 ? 'This is the last one.' : 'This is the first one.' };
  return { ...ui, at: next, row: 0 };
}

function changed(ui: CaptionUi, set: CaptionSet, entry: Entry, row = ui.row): CaptionUi {
  const past = [...ui.past, { at: ui.at, row: ui.row, entry: editEntry(ui, set) }];
  return { ...ui, row, past, edits: new Map(ui.edits).set(ui.at, entry) };
}

function undone(ui: CaptionUi): CaptionUi {
  const last = ui.past.at(-1);
  if (last === undefined) return { ...ui, notice: 'Nothing was changed yet.' };
  const { at, row, entry } = last;
  const found = ui.found?.includes(at) === false ? undefined : ui.found;
  return {
    ...ui,
    at,
    row,
    found,
    past: ui.past.slice(0, -1),
    edits: new Map(ui.edits).set(at, entry),
    notice: 'Undone.',
  };
}

function typed(ui: CaptionUi, { key, text }: KeyPress, set: CaptionSet & { readonly asking: Asking }): CaptionUi {
  const { asking } = set;
  if (key === 'escape') return { ...ui, asking: undefined };
  if (key === 'enter') return answered({ ...ui, asking: undefined }, set, asking);
  if (key === 'tab') {
    const whole = asking.kind === 'add' ? completed(asking.text, set.known) : asking.text;
    return { ...ui, asking: { ...asking, text: whole, cursor: whole.length } };
  }
  return { ...ui, asking: { ...asking, ...typeInto(asking, key, text, MOST_LETTERS) } };
}

/** The typed text, completed by the most frequent tag that begins with it. */
function completed(text: string, known: readonly string[]): string {
  const from = text.lastIndexOf(',') + 1;
  const word = text.slice(from).trimStart().toLowerCase();
  const whole = word === '' ? undefined : known.find((tag) => tag.toLowerCase().startsWith(word));
  return whole === undefined ? text : `${text.slice(0, from)}${from > 0 ? ' ' : ''}${whole}`;
}

function answered(ui: CaptionUi, set: CaptionSet, { kind, text }: Asking): CaptionUi {
  const line = oneLine(text);
  if (kind === 'search') return searched(ui, set, line);
  if (kind === 'whole') return changed(ui, set, entryFrom(line, set.scores(ui.at)), 0);
  const { whole, parts } = editEntry(ui, set);
  const added = tagsOf(line);
  if (added.length === 0) return ui;
  const keys = new Set(added.map(tagKey));
  const has = new Set(parts.flatMap((part) => (part.on ? [tagKey(part.text)] : [])));
  const fresh = added.filter(
    (tag, i) => !has.has(tagKey(tag)) && added.findIndex((one) => tagKey(one) === tagKey(tag)) === i,
  );
  if (fresh.length === 0) return { ...ui, notice: 'It is in the caption already.' };
  const scored = new Map(parts.map((part) => [tagKey(part.text), part.score]));
  const on = parts.filter((part) => part.on || !keys.has(tagKey(part.text)));
  const end = on.findLastIndex((part) => part.on) + 1;
  const news = fresh.map((tag) => ({ text: tag, on: true, score: scored.get(tagKey(tag)) }));
  return changed(ui, set, { whole, parts: on.toSpliced(end, 0, ...news) }, end);
}

function searched(ui: CaptionUi, set: CaptionSet, line: string): CaptionUi {
  if (line === '') return { ...ui, found: undefined };
  const wanted = line.toLowerCase();
  const found = set.images.flatMap(({ path, caption }, at) => {
    const entry = ui.edits.get(at);
    const now = entry === undefined ? caption : captionOfEntry(entry);
    return path.toLowerCase().includes(wanted) || now.toLowerCase().includes(wanted) ? [at] : [];
  });
  const [first] = found;
  if (first === undefined) return { ...ui, notice: `No name and no caption has ${line}.` };
  return { ...ui, found, at: found.includes(ui.at) ? ui.at : first, row: found.includes(ui.at) ? ui.row : 0 };
}
