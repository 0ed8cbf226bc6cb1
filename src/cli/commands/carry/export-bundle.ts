/**
 * Carries out `export RUN --bundle`: writes a zip with everything that is needed to train the run again, and its
 * results.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { makeGivenFolder } from '../../../base/files/given-place.ts';
import { explainWriteError } from '../../../base/files/write-errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { formatBytes, plural } from '../../../base/text.ts';
import { type CaptionedPath, composeBundle } from '../../../engine/bundle/contents.ts';
import type { BundleManifest } from '../../../engine/bundle/manifest.ts';
import { writeZip } from '../../../engine/bundle/zip.ts';
import { editedCaption } from '../../../engine/captions/edits/history.ts';
import { captionsDir } from '../../../engine/captions/store.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { type PreparedRun, prepareRun } from '../../../engine/prepare/prepare.ts';
import { collectReport } from '../../../engine/report/collect.ts';
import { shareable } from '../../../engine/report/private.ts';
import { insideRun } from '../../../engine/run-folder/inside.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { usedFacts } from '../../../engine/runs/compare.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { finishedFiles } from '../../../engine/runs/finished.ts';
import { readPlan } from '../../../engine/runs/read-plan.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import { findAsset, findBase } from '../../../registry/catalogue/find.ts';
import { baseLicence, licenceText } from '../../../registry/catalogue/licence-text.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Registry } from '../../../registry/catalogue/schema.ts';
import { runPage } from '../../../report/run-page.ts';
import type { RunSpec } from '../../../spec/schema.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';
import { withFolders } from '../shared/steps/brought.ts';
import { refuseChangedData } from '../shared/unchanged-data.ts';

export async function exportBundle(query: string, options: Options, context: Context): Promise<ExitCode> {
  const { out, places, env, flags } = context;
  const summary = findRun(query, places.runs);
  const loras = pathsOf(summary);
  const given = text(options.bundle);
  const path = absolute(given ?? `${summary.name}.zip`, { cwd: process.cwd() });
  if (existsSync(path))
    throw new UsageError(`${path} is there already.`, { id: 'file/exists', nextSteps: ['Choose another name.'] });
  makeGivenFolder(dirname(path), '--bundle FILE');
  const registry = loadRegistry({ configDir: places.config });
  const loaded = await withFolders(loadSpec(join(summary.dir, RUN_FILES.spec), { registry }), context);
  const plan = readPlan(summary.dir);
  const prepared = await prepareRun({ ...loaded, registry, places, env, recorded: plan });
  refuseChangedData(summary, plan, prepared, 'a bundle of what is there now would train something else');
  const withImages = options.images === true;
  const { manifest, sources } = await composeBundle({
    spec: loaded.spec,
    provenance: loaded.provenance,
    plan,
    isModelId: (name) => isListed(registry, name),
    report: collectReport(summary),
    facts: factsOf(summary),
    page: runPage(summary.dir, { live: false, dated: false })(),
    images: captioned(prepared, plan, captionsDir(places)),
    loras,
    licence: licenceText(baseLicence(registry, plan.model.name)),
    withImages,
  });
  const written = await writeZip(path, sources).catch((error: unknown) => {
    throw explainWriteError(error, path, 'Choose another place:  --bundle FILE');
  });
  tell({ ...written, path, manifest, left: leftOut(loaded.spec) }, context);
  if (flags.json) out.json({ path, ...written, files: manifest.files.length, images: manifest.images.inside });
  return EXIT.ok;
}

/** Whether other machines know a model by this name too: entries that the person added exist only here. */
function isListed(registry: Registry, name: string): boolean {
  const entry = findBase(registry, name) ?? findAsset(registry, name);
  return entry !== undefined && entry.added_in === undefined;
}

/**
 * Absolute paths of the LoRA files of a finished run, the final one first.
 * @throws UsageError, ForeignFileError
 */
function pathsOf(summary: RunSummary): string[] {
  const { name, dir } = summary;
  const files = finishedFiles(summary, 'there are no bytes that another training could give again');
  const paths = files.map(({ path }) => join(dir, path));
  const gone = paths.find((path) => !existsSync(path));
  if (gone !== undefined)
    throw new UsageError(`${gone} is gone: the LoRA of ${name} was moved or removed.`, {
      id: 'run/no-export',
      nextSteps: [`visiontrain export ${name}   writes it again`],
    });
  return files.map(({ path }) => insideRun(dir, path));
}

function factsOf({ dir }: RunSummary): BundleManifest['facts'] {
  const facts = Object.entries(shareable(usedFacts(dir)));
  const plain = facts.filter(([, value]) => value === null || ['string', 'number', 'boolean'].includes(typeof value));
  return Object.fromEntries(plain) as BundleManifest['facts'];
}

/** The trained images, with the captions from their files or the person's edits, before any rule. */
function captioned({ scans }: PreparedRun, { data }: Plan, store: string): CaptionedPath[] {
  const planned = new Set(data.images.map(({ path }) => resolve(data.root, path)));
  const all = scans.flatMap(({ root, images }) =>
    images.map(({ path, caption, sha256 }) => ({
      path: resolve(root, path),
      caption: editedCaption(store, sha256, caption) ?? caption,
    })),
  );
  return all.filter(({ path }) => planned.has(path));
}

/** The settings that belong to this machine and are left out of a bundle. */
function leftOut({ hooks, logging, captions }: RunSpec): string[] {
  const commands = Object.values(hooks).flat().length;
  return [
    ...(commands > 0 ? [`${plural(commands, 'hook')}, which are commands for this machine`] : []),
    ...(logging.trackers.length > 0 ? [`${plural(logging.trackers.length, 'tracker')}, which need your login`] : []),
    ...(captions.endpoint === null ? [] : ['the address of the server that wrote captions']),
  ];
}

interface Written {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly manifest: BundleManifest;
  readonly left: readonly string[];
}

function tell({ path, bytes, sha256, manifest, left }: Written, { out, flags }: Context): void {
  if (flags.json) return;
  const { images, base } = manifest;
  const count = plural(images.files.length, 'picture');
  out.talk(`Written: ${formatBytes(bytes)}, SHA-256 ${sha256}`);
  if (images.inside)
    out.wrapped(`! ${count} are in it as they are: what cameras wrote into them (place, time) can be read by others.`);
  else out.talk(`Without the ${count}: whoever trains it again needs them. --images puts them in.`);
  if (!base.listed) out.talk(`! ${base.name} is in no registry: whoever trains it again needs that very file.`);
  for (const what of left) out.wrapped(`! Left out: ${what}.`);
  out.wrapped(`The licence of the base model binds those who use it too: ${base.licence}.`);
  out.verbatim(displayPath(path, process.cwd()));
}
