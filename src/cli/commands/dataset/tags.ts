/**
 * Carries out `dataset tags DIR`: shows how often each tag occurs; with `--preview`, the effect of a run.yaml's rules
 * on each caption.
 */

import { dirname } from 'node:path';
import { EXIT } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { typedPath } from '../../../base/typed-path.ts';
import { captionRules } from '../../../engine/plan/caption-rules.ts';
import { PRUNE_SHARE, type TagTable, tagTable } from '../../../engine/plan/tag-table.ts';
import { takeWritten } from '../../../engine/prepare/captions.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { captionsSchema, type RunSpec } from '../../../spec/schema.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';
import { inspect, scanOptions } from './check.ts';

/** Tags that are shown to a person; `--json` has all. */
const SHOWN = 60;
const NAMED = 12;

interface Captioned {
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

export const run: CommandRun = async ([folder = '.'], options, context) => {
  const { out, flags } = context;
  const { settings, dir } = captionSettingsFrom(options, context);
  const { places } = context;
  const hashed = await inspect(folder, scanOptions(options), context);
  const registry = loadRegistry({ configDir: places.config });
  const { scan, notes } = await takeWritten(hashed, { settings, dir, registry, places });
  const ruled = captionRules(settings);
  const captions = scan.images.map(
    ({ path, caption }): Captioned => ({ path, before: caption, after: caption === null ? null : ruled(caption) }),
  );
  const table = tagTable(captions.flatMap(({ after }) => after || []));
  if (flags.json) {
    out.json({ root: scan.root, ...table, captions: options.preview === true ? captions : table.captions });
    return EXIT.ok;
  }
  for (const note of notes) out.talk(`! ${note}`);
  if (options.preview === true) preview(captions, context);
  else show(table, context);
  return EXIT.ok;
};

/** The settings of `captions` in the run.yaml that `--from` names, else the defaults. */
export function captionSettingsFrom(
  options: Options,
  { places }: Context,
): { settings: RunSpec['captions']; dir: string } {
  const from = text(options.from);
  if (from === undefined) return { settings: captionsSchema.parse({}), dir: process.cwd() };
  const file = typedPath(from, '.');
  const { spec } = loadSpec(file, { registry: loadRegistry({ configDir: places.config }) });
  return { settings: spec.captions, dir: dirname(file) };
}

/** A diff for each image that the rules change. */
function preview(captions: readonly Captioned[], { out }: Context): void {
  const changed = captions.filter(({ before, after }) => before !== after);
  for (const { path, before, after } of changed) {
    out.data(path);
    out.data(`  - ${before ?? ''}`);
    out.data(`  + ${after ?? ''}`);
  }
  const empty = captions.filter(({ before, after }) => before !== null && after === '').length;
  out.talk(
    `${changed.length} of ${plural(captions.length, 'picture')} would be captioned otherwise. No file is changed.`,
  );
  if (empty > 0) out.talk(`! ${plural(empty, 'caption')} would be left without a word, and count as none.`);
}

function show(table: TagTable, { out }: Context): void {
  const { tags, rare, near, common, groups, sentences } = table;
  for (const { tag, images, share } of tags.slice(0, SHOWN))
    out.data(`${String(images).padStart(6)}  ${percent(share)}  ${tag}`);
  const talk = (line: string) => out.talk(line);
  talk(
    `${plural(tags.length, 'tag')} in ${plural(table.captions, 'caption')}${tags.length > SHOWN ? ` (${SHOWN} shown; --json has all)` : ''}.`,
  );
  if (sentences > 0)
    out.wrapped(
      `${plural(sentences, 'caption is a sentence', 'captions are sentences')}: their parts between commas are counted.`,
    );
  for (const [name, members] of Object.entries(groups)) out.wrapped(`${name}: ${named(members)}`);
  if (rare.length > 0) out.wrapped(`Once only: ${named(rare)}`);
  for (const { tag, likely } of near.slice(0, NAMED)) talk(`! ${tag}: is ${likely} meant?`);
  if (near.length > 0) talk(`  captions.replace: ["${near[0]?.tag} -> ${near[0]?.likely}"]`);
  if (common.length === 0) return;
  out.wrapped(`In ${Math.round(PRUNE_SHARE * 100)} % of the pictures and more: ${named(common)}`);
  out.wrapped('What of it belongs to your subject, the trigger word learns best when it is not named:');
  talk(`  captions.remove: ${JSON.stringify(common)}`);
}

const percent = (share: number): string => `${Math.round(share * 100)} %`.padStart(5);

const named = (tags: readonly string[]): string =>
  `${tags.slice(0, NAMED).join(', ')}${tags.length > NAMED ? ` and ${tags.length - NAMED} more` : ''}`;
