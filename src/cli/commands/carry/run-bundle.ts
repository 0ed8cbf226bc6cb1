/** Carries out `run BUNDLE`: trains the run in a bundle again, and says whether the bytes are the same. */
import { join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { sha256OfFile } from '../../../base/files/hash.ts';
import { statOf } from '../../../base/files/stat.ts';
import { absolute } from '../../../base/paths.ts';
import { plural } from '../../../base/text.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { adoptedPlan, planDifferences } from '../../../engine/bundle/adopt.ts';
import { bundleFolder } from '../../../engine/bundle/keep.ts';
import { BUNDLE_FILES, type BundleManifest } from '../../../engine/bundle/manifest.ts';
import { readManifest } from '../../../engine/bundle/unpack.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { type LoadedSpec, loadSpec } from '../../../engine/prepare/load.ts';
import type { PreparedRun } from '../../../engine/prepare/prepare.ts';
import { readExit } from '../../../engine/run-folder/run-files.ts';
import { usedFacts, WITHOUT_EFFECT } from '../../../engine/runs/compare.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { readPlan } from '../../../engine/runs/read-plan.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { type StartOptions, showPlan, startFromSpec } from '../shared/start-run.ts';
import { refuseChangedData } from '../shared/unchanged-data.ts';

/** Matches overrides of paths and of the device, which do not change what is trained. */
const OF_THIS_MACHINE = /^(model\.(base|vae)|resources\.(device|workers))=/;

/** An override whose path starts from the person's folder, and not from that of the unpacked bundle. */
function fromHere(override: string): string {
  const [, key, value] = /^(dataset\.path|model\.(?:base|vae)|training\.init_lora)=(.+)$/.exec(override) ?? [];
  if (key === undefined || value === undefined) return override;
  const path = absolute(value, { cwd: process.cwd() });
  return statOf(path) === undefined ? override : `${key}=${JSON.stringify(path)}`;
}

export async function runBundle(
  file: string,
  options: Options,
  start: Omit<StartOptions, 'adopt' | 'ended' | 'facts'>,
  context: Context,
): Promise<ExitCode> {
  const { places, flags } = context;
  if (options.preset !== undefined)
    throw new UsageError('A bundle trains what it holds, so --preset has no place beside it.', { id: 'command/wrong' });
  const path = absolute(file, { cwd: process.cwd() });
  const manifest = await readManifest(path);
  const dir = await bundleFolder(path, manifest, { places, images: bundleImages(file, manifest, options) });
  const overrides = texts(options.set).map(fromHere);
  refuseLackingModel(file, manifest, overrides);
  const registry = loadRegistry({ configDir: places.config });
  const loaded = loadSpec(join(dir, BUNDLE_FILES.spec), { overrides, registry });
  await refuseOtherModel(manifest, loaded);
  const bundled = readPlan(dir);
  const isSame = overrides.every((override) => OF_THIS_MACHINE.test(override));
  const input = { ...loaded, registry, recorded: bundled, captioned: isSame };
  if (options.dryRun === true) return showPlan(input, { torch: start.torch }, context);
  if (!flags.json) context.out.talk(`${manifest.name}: unpacked to ${dir}`);
  if (!isSame) return startFromSpec(input, start, context);
  return startFromSpec(
    input,
    {
      ...start,
      facts: { verifies: { run: manifest.name, facts: manifest.facts } },
      adopt: (prepared) => adopt({ name: manifest.name, dir }, bundled, prepared, context),
      ended: (run, code) => ended(manifest, run, code, context),
    },
    context,
  );
}

/**
 * The folder with the images; undefined when the bundle has them inside.
 * @throws UsageError
 */
export function bundleImages(file: string, { images }: BundleManifest, options: Options): string | undefined {
  const given = text(options.pictures);
  if (images.inside) return undefined;
  const count = plural(images.files.length, 'picture');
  if (given === undefined)
    throw new UsageError(`${file} holds no pictures: it was trained on ${count} that are to be found in a folder.`, {
      id: 'bundle/pictures',
      nextSteps: [
        `visiontrain run ${shellWord(file)} --pictures FOLDER   they are found in it by their hashes`,
        'Or have it made with them:  visiontrain export RUN --bundle --images',
      ],
    });
  const folder = absolute(given, { cwd: process.cwd() });
  if (statOf(folder)?.isDirectory() !== true)
    throw new UsageError(`${folder} is no folder.`, {
      id: 'bundle/pictures',
      nextSteps: [`Name the folder that holds the ${count}:  --pictures FOLDER`],
    });
  return folder;
}

/**
 * Refuses a bundle whose base model or VAE is neither in the bundle nor in the registry, unless an override names it.
 * @throws UsageError
 */
export function refuseLackingModel(file: string, { base, vae }: BundleManifest, overrides: readonly string[]): void {
  const lacks = (key: string) => !overrides.some((override) => override.startsWith(`${key}=`));
  const [what, key] =
    !base.listed && lacks('model.base')
      ? [base, 'model.base']
      : vae !== null && lacks('model.vae')
        ? [vae, 'model.vae']
        : [];
  if (what === undefined) return;
  throw new UsageError(`This bundle was trained on ${what.name}, which no registry lists.`, {
    id: 'bundle/model',
    details: what.sha256 === null ? [] : [`SHA-256 ${what.sha256}`],
    nextSteps: [`visiontrain run ${shellWord(file)} --set ${key}=FILE`],
  });
}

/**
 * Compares a named model with that of the bundle.
 * @throws UsageError when it is another one
 */
async function refuseOtherModel({ base, vae }: BundleManifest, { spec }: LoadedSpec): Promise<void> {
  const named = [
    ...(base.listed ? [] : [['model.base', base, spec.model.base] as const]),
    ...(vae === null ? [] : [['model.vae', vae, spec.model.vae ?? ''] as const]),
  ];
  for (const [key, { name, sha256 }, path] of named) {
    if (sha256 === null || statOf(path)?.isFile() !== true) continue;
    const found = await sha256OfFile(path);
    if (found !== sha256)
      throw new UsageError(`${path} is not ${name}, which this bundle was trained on.`, {
        id: 'bundle/model',
        details: [`expected ${sha256}`, `found    ${found}`],
        nextSteps: [`Name that file:  --set ${key}=FILE`],
      });
  }
}

function adopt(bundle: RunRef, bundled: Plan, prepared: PreparedRun, { out, flags }: Context): Plan {
  refuseChangedData(bundle, bundled, prepared, 'it cannot give the same bytes, so nothing was started');
  const otherwise = planDifferences(bundled, prepared.plan);
  if (otherwise.length > 0 && !flags.json)
    out.wrapped(`! This version would plan ${otherwise.join(', ')} otherwise; the plan of the bundle is taken.`);
  return adoptedPlan(bundled, prepared.plan);
}

/** Says whether the file that was trained now equals the one in the bundle. */
function ended({ lora, facts }: BundleManifest, run: RunRef, code: ExitCode, { out, flags }: Context): ExitCode {
  const found = readExit(run.dir);
  if (found?.status !== 'finished') return code;
  const sha256 = found.outputs[0]?.sha256;
  const isSame = sha256 === lora.sha256;
  if (flags.json) return isSame ? code : EXIT.training;
  if (isSame) {
    out.talk(`The same to the byte as the LoRA in the bundle: SHA-256 ${lora.sha256}`);
    return code;
  }
  const now = usedFacts(run.dir);
  const differ = Object.keys(facts).filter((fact) => !WITHOUT_EFFECT.has(fact) && facts[fact] !== now[fact]);
  out.talk(`Not the bytes of the LoRA in the bundle: SHA-256 ${lora.sha256} there, ${sha256 ?? 'none'} here.`);
  for (const fact of differ) out.talk(`  ${fact}: ${String(facts[fact])} there, ${String(now[fact])} here`);
  if (differ.length > 0) out.talk('Machines and versions that are not the same round differently.');
  return EXIT.training;
}
