/** Carries out `models info ID`: shows everything that the registry knows about one entry. */

import { EXIT, UsageError } from '../../../base/errors.ts';
import { formatBytes, neutralise } from '../../../base/text.ts';
import { shownAddress } from '../../../download/http/secrets.ts';
import type { Source } from '../../../download/http/source.ts';
import { findEntry, loadRegistry } from '../../../registry/catalogue/load.ts';
import { filePath, locateModel } from '../../../registry/catalogue/locate.ts';
import type { AnyEntry, ModelEntry } from '../../../registry/catalogue/schema.ts';
import { width, wrap } from '../../../terminal/columns.ts';
import type { CommandRun } from '../../shell/context.ts';
import { shownEntry, shownLicense } from './shown.ts';

export const run: CommandRun = async ([id], _options, { out, places, flags }) => {
  if (id === undefined)
    throw new UsageError('Which model?', { id: 'command/wrong', nextSteps: ['visiontrain models info ID'] });
  const entry = findEntry(loadRegistry({ configDir: places.config }), id);
  const located = locateModel(entry, places);
  if (flags.json) {
    out.json({
      ...shownEntry(entry),
      path: located.path,
      ready: located.ready,
      missing: located.missing.map((file) => file.path),
    });
    return EXIT.ok;
  }
  const line = (label: string, text: string) => {
    for (const part of labelled(label, neutralise(text), out.width)) out.data(part);
  };
  out.data(neutralise(`${entry.title}  (${entry.id})`));
  for (const part of wrap(neutralise(entry.summary), cellsFor(out.width), { whole: true })) out.data(part);
  out.data('');
  if (entry.kind === 'base') baseLines(entry).forEach(([label, text]) => void line(label, text));
  line('licence', entry.license.name);
  if (entry.license.url !== '') line('', shownLicense(entry).url);
  if (entry.license.restrictions !== '') line('', entry.license.restrictions);
  if (entry.license.acceptance) line('', 'To be accepted before the first download.');
  if (entry.added_in !== undefined) line('added in', entry.added_in);
  line('here', entry.embedded !== undefined ? 'built in' : located.ready ? located.path : 'no');
  for (const file of entry.files.filter((f) => f.role === 'weights')) {
    line('file', `${file.path}  ${file.bytes === undefined ? 'size not confirmed' : formatBytes(file.bytes)}`);
    line('SHA-256', file.sha256 ?? 'not confirmed');
    if (file.confidence === 'one') line('', '(one public source)');
    for (const [i, source] of file.sources.entries()) line(i === 0 ? 'from' : '', sourceText(source, file.path));
    if (file.local !== undefined) line('', filePath(entry, file, places));
  }
  const companions = entry.files.filter((f) => f.role === 'companion');
  if (companions.length > 0) line('with it', companionText(companions));
  return EXIT.ok;
};

const LABEL = 13;
const NARROW = 60;
/** Most cells of a line, because longer lines are hard to read. */
const WIDEST = 100;

const cellsFor = (terminal: number | undefined) =>
  terminal === undefined ? Number.POSITIVE_INFINITY : Math.min(WIDEST, terminal);

/**
 * A label with its text wrapped beside it, or below it when there is little room. Words are never cut, because hashes,
 * paths and addresses are to be copied.
 */
function labelled(label: string, text: string, terminal: number | undefined): string[] {
  const cells = cellsFor(terminal);
  const beside = label.padEnd(LABEL) + text;
  const indent = cells < NARROW && width(beside) > cells ? 2 : LABEL;
  const [first = '', ...rest] = wrap(text, cells - indent, { whole: true });
  const below = rest.map((part) => ' '.repeat(indent) + part);
  if (indent === LABEL) return [`${label.padEnd(LABEL)}${first}`.trimEnd(), ...below];
  return [...(label === '' ? [] : [label]), `${' '.repeat(indent)}${first}`.trimEnd(), ...below];
}

function companionText(files: AnyEntry['files']): string {
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  return `${files.length} small files, ${formatBytes(bytes)}`;
}

function baseLines(entry: ModelEntry): [string, string][] {
  const memory = entry.memory_gb;
  return [
    ['family', `${entry.family}, ${entry.prediction}${entry.zero_terminal_snr ? ', zero terminal SNR' : ''}`],
    ['pictures', `${entry.resolution} px; captions: ${entry.caption_style}`],
    ...(memory === undefined
      ? []
      : ([['memory', `${memory.least} GB card at least, ${memory.comfortable} GB with room`]] as [string, string][])),
    ...(entry.recommended_vae === undefined ? [] : ([['VAE', entry.recommended_vae]] as [string, string][])),
    ['advice', entry.guidance],
    ...(entry.length === undefined ? [] : ([['length', lengthText(entry.length)]] as [string, string][])),
    ['recipe', entry.recipe_source ?? ''],
  ];
}

function lengthText({ least_uses, most_uses, least_steps, most_steps }: NonNullable<ModelEntry['length']>): string {
  return `follows the number of pictures: each is used ${least_uses} to ${most_uses} times, in ${least_steps} to ${most_steps} steps`;
}

function sourceText(source: Source, path: string): string {
  if (source.kind === 'hub') return `hub ${source.repo} @ ${source.revision ?? 'main'} ${source.path ?? path}`;
  if (source.kind === 'civitai') return `Civitai model ${source.model}, version ${source.version}`;
  return shownAddress(source.url);
}
