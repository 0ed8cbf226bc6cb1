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
    const { nodes, problems } = walk(source, events, places);
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

function walk(source: string, events: readonly Event[], places: (offset: number) => Place) {
  const found = new Map<string, FoundNode>();
  const problems: TreeProblem[] = [];
  const stack: Frame[] = [];
  const comments = commentFinder(source, places);
  let documents = 0;

  const problem = (offset: number, path: readonly string[], message: string) =>
    problems.push({ ...places(offset), path, message });

  /** Uses the node that starts at `offset` as the next value; returns its path. */
  const take = (offset: number, end: number): readonly string[] => {
    const parent = stack.at(-1);
    if (parent === undefined || parent.kind === 'document') return [];
    const { pending } = parent;
    parent.pending = undefined;
    const name = parent.kind === 'sequence' ? String(parent.items++) : (pending?.name ?? '');
    const path = [...parent.path, name];
    // An empty list item has no position, so problems with it are reported at its list.
    const value = offset < 0 ? pending?.place : places(offset);
    if (value === undefined) return path;
    const key = pending?.place ?? value;
    const sameLine = offset >= 0 && value.line === key.line;
    found.set(pathKey(path), { key, value, end: sameLine ? end : (pending?.end ?? end) });
    return path;
  };

  for (const event of events) {
    const parent = stack.at(-1);
    const wantsKey = parent?.kind === 'mapping' && parent.pending === undefined;
    if ('anchorStart' in event && event.type !== EVENT_ID.ALIAS && event.anchorStart >= 0)
      problem(
        event.anchorStart,
        parent?.path ?? [],
        'anchors (&name) are not used here: write the value, in quotes if it is text',
      );
    if ('tagStart' in event && event.tagStart >= 0)
      problem(
        event.tagStart,
        parent?.path ?? [],
        'tags (!name) are not used here: write the value alone, in quotes if it is text',
      );
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        documents += 1;
        if (documents === 2) problem(source.length, [], 'only one document per file: remove the second ---');
        stack.push(frame('document', []));
        break;
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE: {
        const kind = event.type === EVENT_ID.MAPPING ? 'mapping' : 'sequence';
        if (wantsKey) {
          problem(event.start, parent.path, 'a key must be a plain word');
          parent.pending = { name: '?', place: places(event.start), end: event.start };
          stack.push(frame(kind, [...parent.path, '?']));
        } else stack.push(frame(kind, take(event.start, event.start)));
        break;
      }
      case EVENT_ID.SCALAR:
        comments.covers(event.valueStart, event.valueEnd);
        if (wantsKey) {
          const name = getScalarValue(source, event);
          const offset = Math.max(0, scalarStart(event));
          if (parent.keys.has(name)) problem(offset, [...parent.path, name], 'this key is here twice: keep one');
          parent.keys.add(name);
          parent.pending = { name, place: places(offset), end: event.valueEnd };
        } else take(scalarStart(event), event.valueEnd);
        break;
      case EVENT_ID.ALIAS:
        problem(
          event.anchorStart,
          parent?.path ?? [],
          'aliases (*name) are not used here: write the value, in quotes if it is text',
        );
        if (wantsKey) parent.pending = { name: '*', place: places(event.anchorStart), end: event.anchorEnd };
        else take(event.anchorStart, event.anchorEnd);
        break;
      case EVENT_ID.POP:
        stack.pop();
        break;
    }
  }
  const nodes = new Map<string, YamlNode>();
  for (const [key, { end, ...place }] of found) nodes.set(key, { ...place, comment: comments.after(end) });
  return { nodes, problems };
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
