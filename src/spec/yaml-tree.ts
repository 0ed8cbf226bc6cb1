/**
 * YAML text → plain value, with the place and the trailing comment of every key. The parser is built on js-yaml's event
 * stream, whose offsets give line and column; see docs/decisions/0010-yaml-positions.md. It accepts only what a
 * settings file needs: one document, mappings, sequences, scalars. Anchors, aliases, tags and duplicate keys are
 * problems, so nothing can grow ("alias bombs") or turn into another type.
 */
import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  YAMLException,
} from 'js-yaml';
import { syntaxHint } from './yaml-hints.ts';

export interface Place {
  /** Line and column count from 1; columns count UTF-16 code units, as editors do. */
  readonly line: number;
  readonly column: number;
}

export interface YamlNode {
  /** Where the key starts; for a list item, where the item starts. */
  readonly key: Place;
  /** Where the value starts; the place of the key when the value is empty. */
  readonly value: Place;
  /** The comment that ends the key's line, without `#`. */
  readonly comment: string;
}

export interface TreeProblem extends Place {
  readonly path: readonly string[];
  readonly message: string;
}

export interface YamlTree {
  /** The parsed value; undefined for an empty document or when there are problems. */
  readonly value: unknown;
  /** Nodes by `pathKey(path)`. */
  readonly nodes: ReadonlyMap<string, YamlNode>;
  readonly problems: readonly TreeProblem[];
}

type Segment = string | number | symbol;

/** Key of a path in `YamlTree.nodes`. The segments are joined by a character that no YAML text may hold. */
export const pathKey = (path: readonly Segment[]): string => path.map(String).join('\u0000');

/** Parses one document. It never throws, whatever the text is. */
export function parseYaml(source: string): YamlTree {
  const places = placeFinder(source);
  try {
    const events = parseEvents(source, { maxDepth: 20 });
    const walker = new Walker(source, places);
    for (const event of events) walker.take(event);
    const { nodes, problems } = walker.result();
    if (problems.length > 0) return { value: undefined, nodes, problems };
    const [value] = constructFromEvents(events, { source, schema: CORE_SCHEMA, maxAliases: 0 });
    return { value, nodes, problems };
  } catch (error) {
    // js-yaml documents that it may throw other exceptions than its own.
    const mark = error instanceof YAMLException ? error.mark : undefined;
    const reason = error instanceof YAMLException ? error.reason : 'cannot be read as YAML';
    const at = mark === undefined ? { line: 1, column: 1 } : places(mark.position);
    const hint = mark === undefined ? undefined : syntaxHint(lineAt(source, mark.position));
    return {
      value: undefined,
      nodes: new Map(),
      problems: [{ ...at, path: [], message: `not valid YAML: ${reason}${hint === undefined ? '' : `; ${hint}`}` }],
    };
  }
}

/** A node whose comment has not been looked up yet. */
interface FoundNode {
  readonly key: Place;
  readonly value: Place;
  /** Offset where the node ends, on the line whose comment belongs to it. */
  readonly end: number;
}

function lineAt(source: string, offset: number): string {
  const start = offset === 0 ? 0 : source.lastIndexOf('\n', offset - 1) + 1;
  const end = source.indexOf('\n', start);
  return source.slice(start, end < 0 ? undefined : end);
}

interface Frame {
  readonly kind: 'document' | 'mapping' | 'sequence';
  readonly path: readonly string[];
  readonly keys: Set<string>;
  /** In a mapping: the key that waits for its value. */
  pending: { name: string; place: Place; end: number } | undefined;
  items: number;
}

/** Follows the parser's events through the document, and notes the place of every node. */
class Walker {
  readonly #source: string;
  readonly #places: (offset: number) => Place;
  readonly #found = new Map<string, FoundNode>();
  readonly #problems: TreeProblem[] = [];
  readonly #stack: Frame[] = [];
  readonly #comments: ReturnType<typeof commentFinder>;
  #documents = 0;

  constructor(source: string, places: (offset: number) => Place) {
    this.#source = source;
    this.#places = places;
    this.#comments = commentFinder(source, places);
  }

  take(event: Event): void {
    this.#refuseMarks(event);
    const parent = this.#stack.at(-1);
    const mapping = parent?.kind === 'mapping' && parent.pending === undefined ? parent : undefined;
    if (event.type === EVENT_ID.DOCUMENT) this.#document();
    else if (event.type === EVENT_ID.POP) this.#stack.pop();
    else if (event.type === EVENT_ID.SCALAR) this.#scalar(event, mapping);
    else if (event.type === EVENT_ID.ALIAS) {
      if (mapping === undefined) this.#value(event.anchorStart, event.anchorEnd);
      else mapping.pending = { name: '*', place: this.#places(event.anchorStart), end: event.anchorEnd };
    } else this.#group(event.type === EVENT_ID.MAPPING ? 'mapping' : 'sequence', event.start, mapping);
  }

  result(): { readonly nodes: ReadonlyMap<string, YamlNode>; readonly problems: readonly TreeProblem[] } {
    const nodes = new Map<string, YamlNode>();
    for (const [key, { end, ...place }] of this.#found)
      nodes.set(key, { ...place, comment: this.#comments.after(end) });
    return { nodes, problems: this.#problems };
  }

  #problem(offset: number, path: readonly string[], message: string): void {
    this.#problems.push({ ...this.#places(offset), path, message });
  }

  #refuseMarks(event: Event): void {
    const path = this.#stack.at(-1)?.path ?? [];
    const refuse = (offset: number, mark: string, instead: string) =>
      this.#problem(offset, path, `${mark} are not used here: write the value${instead}, in quotes if it is text`);
    if (event.type === EVENT_ID.ALIAS) refuse(event.anchorStart, 'aliases (*name)', '');
    else if ('anchorStart' in event && event.anchorStart >= 0) refuse(event.anchorStart, 'anchors (&name)', '');
    if ('tagStart' in event && event.tagStart >= 0) refuse(event.tagStart, 'tags (!name)', ' alone');
  }

  #document(): void {
    this.#documents += 1;
    if (this.#documents === 2)
      this.#problem(this.#source.length, [], 'only one document per file: remove the second ---');
    this.#stack.push(frame('document', []));
  }

  /** A mapping or sequence begins; `mapping` is the one in which it stands where a key should be. */
  #group(kind: 'mapping' | 'sequence', start: number, mapping: Frame | undefined): void {
    if (mapping === undefined) {
      this.#stack.push(frame(kind, this.#value(start, start)));
      return;
    }
    this.#problem(start, mapping.path, 'a key must be a plain word');
    mapping.pending = { name: '?', place: this.#places(start), end: start };
    this.#stack.push(frame(kind, [...mapping.path, '?']));
  }

  /** A scalar is the next key of `mapping`, or a value where there is none. */
  #scalar(event: ScalarEvent, mapping: Frame | undefined): void {
    this.#comments.covers(event.valueStart, event.valueEnd);
    if (mapping === undefined) {
      this.#value(scalarStart(event), event.valueEnd);
      return;
    }
    const name = getScalarValue(this.#source, event);
    const offset = Math.max(0, scalarStart(event));
    if (mapping.keys.has(name)) this.#problem(offset, [...mapping.path, name], 'this key is here twice: keep one');
    mapping.keys.add(name);
    mapping.pending = { name, place: this.#places(offset), end: event.valueEnd };
  }

  /** Uses the node that starts at `offset` as the next value; returns its path. */
  #value(offset: number, end: number): readonly string[] {
    const parent = this.#stack.at(-1);
    if (parent === undefined || parent.kind === 'document') return [];
    const { pending } = parent;
    parent.pending = undefined;
    const name = parent.kind === 'sequence' ? String(parent.items++) : (pending?.name ?? '');
    const path = [...parent.path, name];
    // An empty list item has no position, so problems with it are reported at its list.
    const value = offset < 0 ? pending?.place : this.#places(offset);
    if (value === undefined) return path;
    const key = pending?.place ?? value;
    const sameLine = offset >= 0 && value.line === key.line;
    this.#found.set(pathKey(path), { key, value, end: sameLine ? end : (pending?.end ?? end) });
    return path;
  }
}

const frame = (kind: Frame['kind'], path: readonly string[]): Frame => ({
  kind,
  path,
  keys: new Set(),
  pending: undefined,
  items: 0,
});

/**
 * Offset where a scalar visibly starts: at its quote, which the event's own range leaves out. It is -1 for an empty
 * scalar.
 */
const scalarStart = ({ valueStart, style }: ScalarEvent): number =>
  style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED ? valueStart - 1 : valueStart;

/**
 * A finder of the comment that ends a line: the text behind the last value on that line, which may itself hold a `#`.
 * Each line is searched once, however many values it has.
 */
function commentFinder(source: string, places: (offset: number) => Place) {
  const ends = new Map<number, number>();
  const known = new Map<number, string>();
  return {
    /** Notes that a key or value covers this part of the text. */
    covers(start: number, end: number) {
      for (const { line } of [places(Math.max(0, start)), places(end)])
        ends.set(line, Math.max(end, ends.get(line) ?? 0));
    },
    /** The comment behind `offset`. It must not be called before all of the text has been covered. */
    after(offset: number): string {
      const { line } = places(Math.max(0, offset));
      const comment = known.get(line) ?? commentIn(source, Math.max(0, offset, ends.get(line) ?? 0));
      known.set(line, comment);
      return comment;
    },
  };
}

/** The comment that starts at or after `from`, an offset outside of any value, and ends with the line. */
function commentIn(source: string, from: number): string {
  const lineEnd = source.indexOf('\n', from);
  const rest = source.slice(from, lineEnd < 0 ? undefined : lineEnd);
  const mark = /(?:^|\s)#/u.exec(rest);
  return mark === null ? '' : rest.slice(mark.index + mark[0].length).trim();
}

function placeFinder(source: string): (offset: number) => Place {
  const starts = [0];
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
