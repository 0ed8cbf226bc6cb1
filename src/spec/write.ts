/** Writes a complete spec as run.yaml; a comment behind every value says who chose it and what it means. Pure. */
import { wrapWords } from '../base/wrap.ts';
import { type SpecKey, specKeys } from './keys.ts';
import type { Chooser, Provenance, RunSpec } from './schema.ts';
import { leanSource, type SourceSpec } from './sections/sources.ts';

const WIDTH = 100;
/** Column (from 0) where the comments start. */
const COMMENT = 38;
const WHO_WIDTH = 'detected '.length;

const HEADER = [
  '# One training run, every choice explicit. Start it with:  visiontrain run <this file>',
  '# Behind each value: who chose it, and what it means.',
  '#   you       you wrote or picked it; a value you change counts as yours',
  '#   preset    the recipe of the base model, or the default for all models',
  '#   detected  read from your files or your machine',
];

const OWN = 'preset:';
const OWN_LINE = '#   preset:NAME  from a preset of your own (visiontrain preset list)';

/** Renders a spec as text. Loading the text gives `spec` again, and rendering that gives the same text. */
export function renderSpec(spec: RunSpec, provenance: Provenance): string {
  const isOwn = Object.values(provenance).some((who) => who.startsWith(OWN));
  const lines = [...HEADER, ...(isOwn ? [OWN_LINE] : []), ''];
  let section = '';
  for (const found of specKeys) {
    const { key, section: group } = found;
    if (group !== section) lines.push('', `${group}:`);
    section = group;
    const name = key.split('.').at(-1) ?? key;
    const value = group === '' ? spec[key as 'name'] : (spec[group as 'training'] as Record<string, unknown>)[name];
    lines.push(...keyLines(found, value, provenance[key] ?? 'preset'));
  }
  return `${lines.join('\n')}\n`;
}

/** The lines of one key in a file, with the comment that says who chose it (unless that is empty) and what it means. */
export function keyLines({ key, section, node }: SpecKey, value: unknown, who: Chooser | ''): string[] {
  const indent = section === '' ? '' : '  ';
  const block = Array.isArray(value) && value.length > 0 && typeof value[0] !== 'number';
  const start = `${indent}${key.split('.').at(-1) ?? key}:${block ? '' : ` ${yamlValue(value)}`}`;
  const meaning = [node.description ?? '', node.unit === undefined ? '' : `[${node.unit}]`].join(' ').trim();
  const listed = block && key === 'dataset.sources' ? (value as SourceSpec[]).map(leanSource) : value;
  const items = block ? (listed as unknown[]).map((item) => `${indent}  - ${yamlValue(item)}`) : [];
  return [...commented(start, who, meaning), ...items];
}

/** `start` with its comment behind it; a long comment continues on the lines below. */
function commented(start: string, who: Chooser | '', meaning: string): string[] {
  const wide = who === '' ? 0 : Math.max(WHO_WIDTH, who.length + 1);
  const room = WIDTH - COMMENT - 2 - wide;
  // When the value is so long that it passes the column of the comments, only the chooser stays on its line; the
  // meaning goes below.
  const fits = start.length < COMMENT;
  const [first = '', ...rest] = wrapWords(meaning, room);
  const gap = ' '.repeat(COMMENT);
  const below = (fits ? rest : [first, ...rest]).map((text) => `${gap}# ${' '.repeat(wide)}${text}`);
  return [
    fits ? `${start.padEnd(COMMENT)}# ${who.padEnd(wide)}${first}` : who === '' ? start : `${start}  # ${who}`,
    ...below,
  ];
}

/** A value on one line, in a form that every YAML reader understands. */
export function yamlValue(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value)) return `[${value.map(yamlValue).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, inner]) => `${name}: ${yamlValue(inner)}`)
      .join(', ')}}`;
  return String(value);
}

/** Small numbers get an exponent, as people write learning rates, and a point, because YAML 1.1 readers need one. */
function number(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  if (value === 0 || Math.abs(value) >= 0.001) return String(value);
  const text = value.toExponential();
  return text.includes('.') ? text : text.replace('e', '.0e');
}

// A text stays without quotes only where every YAML reader agrees that it is text.
const PLAIN = /^[\p{L}_./~][\p{L}\p{N}_./ -]*$/u;
const RESERVED = /^(true|false|yes|no|on|off|y|n|null|~|\.inf|\.nan|[0-9.e_-]+)$/iu;

function quoted(text: string): string {
  if (PLAIN.test(text) && !RESERVED.test(text) && !text.endsWith(' ')) return text;
  // \p{C} covers control and format characters, lone surrogates and unassigned ones. They are escaped, so that a reader
  // sees them.
  const safe = text.replaceAll(/["\\]|[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    const code = char.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${safe}"`;
}
