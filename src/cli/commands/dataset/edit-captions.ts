/**
 * Carries out `dataset caption edit|undo|versions DIR`: captions are edited by hand, outside of the folder, with every
 * version kept.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { editorCommand, openEditor } from '../../../base/process/editor.ts';
import { plural } from '../../../base/text.ts';
import { shellWord, typedPath } from '../../../base/typed-path.ts';
import { type CaptionLine, canStand, editText, readEdits } from '../../../engine/captions/edits/edit-list.ts';
import { currentVersion, keepEdit, readHistory, takeBack } from '../../../engine/captions/edits/history.ts';
import { captionsDir } from '../../../engine/captions/store.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import type { Options } from '../shared/options.ts';
import { type CaptionedImage, captionsIn } from './captions-in.ts';

export const edit: CommandRun = async ([folder = '.', file], options, context) => {
  const { env, flags, places, terminal: can } = context;
  const { root, images: all } = await captionsIn(folder, options, context);
  const images = file === undefined ? all : [oneOf(all, folder, file)];
  if (can.ask && can.draw && options.editor !== true && !flags.json) {
    const { editOnScreen } = await import('./caption-screen.ts');
    const shown = { root, images, all, isPreview: options.preview === true };
    tellEdit(await editOnScreen(shown, can, context), images, { folder, options, context });
    return EXIT.ok;
  }
  const command = editorCommand(env);
  if (command === undefined || flags.noInput)
    throw new UsageError(command === undefined ? 'No editor is set.' : 'An editor asks, and questions are forbidden.', {
      id: 'captions/editor',
      nextSteps: [
        `EDITOR=nano visiontrain dataset caption edit ${folder}`,
        'In a terminal the same command shows each picture with its caption.',
      ],
    });
  const lines = images.flatMap(({ path, caption }) => (canStand(path) ? [{ path, caption: caption ?? '' }] : []));
  const { changed, at } = await askEditor(lines, command, context);
  const byPath = new Map(images.map((image) => [image.path, image]));
  if (options.preview !== true)
    for (const { path, caption } of changed) {
      const image = byPath.get(path);
      if (image !== undefined)
        keepEdit(captionsDir(places), { sha256: image.sha256, own: image.own, text: caption }, at);
    }
  tellEdit(changed, images, { folder, options, context });
  return EXIT.ok;
};

interface Told {
  readonly folder: string;
  readonly options: Options;
  readonly context: Context;
}

function tellEdit(
  changed: readonly CaptionLine[],
  images: readonly CaptionedImage[],
  { folder, options, context }: Told,
): void {
  const { out } = context;
  tellDiff(changed, new Map(images.map((image) => [image.path, image])), context);
  const isPreview = options.preview === true;
  const done = isPreview ? 'would be changed; nothing is kept' : 'changed. No file in the folder is';
  out.talk(`${plural(changed.length, 'caption')} ${done}.`);
  if (changed.length > 0 && !isPreview)
    out.talk(`Take it back:   visiontrain dataset caption undo ${shellWord(folder)}`);
}

/** Undoes the latest edit of this folder, in all its images. */
export const undo: CommandRun = async ([folder = '.'], options, context) => {
  const { out, places, flags } = context;
  const store = captionsDir(places);
  const { images } = await captionsIn(folder, options, context);
  const times = images.flatMap(({ sha256 }) => currentVersion(readHistory(store, sha256))?.at ?? []);
  const last = times.toSorted().at(-1);
  const back = last === undefined ? [] : images.filter(({ sha256 }) => takeBack(store, sha256, last));
  if (flags.json) out.json({ edit: last ?? null, images: back.map(({ path }) => path) });
  else if (last === undefined) out.talk('No caption here was edited: there is nothing to take back.');
  else {
    for (const { path } of back) out.data(path);
    out.talk(`The edit of ${last} is taken back: ${plural(back.length, 'caption')} as before.`);
  }
  return EXIT.ok;
};

/** Lists every version of each edited caption, and marks the one that counts. */
export const versions: CommandRun = async ([folder = '.', file], options, context) => {
  const { out, places, flags } = context;
  const { images: all } = await captionsIn(folder, options, context);
  const images = file === undefined ? all : [oneOf(all, folder, file)];
  const store = captionsDir(places);
  const found = images.flatMap(({ path, sha256, own }) => {
    const history = readHistory(store, sha256);
    if (history === undefined) return [];
    const all = history.versions.map(({ at, text }) => ({ at, text }));
    return [{ path, own, current: history.current, versions: all }];
  });
  if (flags.json) {
    out.json({ images: found });
    return EXIT.ok;
  }
  for (const { path, own, current, versions: kept } of found) {
    out.data(path);
    for (const [i, { at, text }] of [{ at: 'its own', text: own ?? '' }, ...kept].entries())
      out.data(`  ${i === current ? '*' : ' '} ${at}  ${text}`);
  }
  if (found.length === 0) out.talk('No caption here was edited.');
  return EXIT.ok;
};

/**
 * The named image.
 * @throws UsageError when the folder has no such image
 */
function oneOf(images: readonly CaptionedImage[], folder: string, file: string): CaptionedImage {
  const root = resolve(typedPath(folder, '.'));
  const inside = relative(root, resolve(typedPath(file, '.')))
    .split(sep)
    .join('/');
  const found = images.find(({ path }) => path === file || path === inside);
  if (found !== undefined) return found;
  throw new UsageError(`${file} is no picture of ${folder} that would be used.`, {
    id: 'dataset/which',
    nextSteps: [`See which are:   visiontrain dataset check ${folder}`],
  });
}

/**
 * Opens the captions in the person's editor.
 * @throws UsageError for a text that cannot be understood, which is kept
 */
async function askEditor(lines: readonly CaptionLine[], command: string, { env }: Context) {
  const folder = mkdtempSync(join(tmpdir(), 'visiontrain-captions-'));
  const file = join(folder, 'captions.tsv');
  writeFileSync(file, editText(lines), { mode: 0o600 });
  await openEditor(command, file, env);
  const { changed, problems } = readEdits(readFileSync(file, 'utf8'), lines);
  if (problems.length > 0)
    throw new UsageError(`${plural(problems.length, 'line')} cannot be understood, so nothing is changed.`, {
      id: 'captions/lines',
      details: [...problems.slice(0, 10), `What you wrote is kept:  ${file}`],
      nextSteps: [`Mend it there, then:  EDITOR='cp ${file}' visiontrain dataset caption edit FOLDER`],
    });
  rmSync(folder, { recursive: true, force: true });
  return { changed, at: new Date().toISOString() };
}

function tellDiff(
  changed: readonly CaptionLine[],
  byPath: ReadonlyMap<string, CaptionedImage>,
  { out, flags }: Context,
): void {
  const rows = changed.map(({ path, caption }) => ({
    path,
    before: byPath.get(path)?.caption ?? null,
    after: caption,
  }));
  if (flags.json) {
    out.json({ captions: rows });
    return;
  }
  for (const { path, before, after } of rows) {
    out.data(path);
    out.data(`  - ${before ?? ''}`);
    out.data(`  + ${after}`);
  }
}
