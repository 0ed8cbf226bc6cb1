/** The phase of a run in which captions are written, before the trainer starts and needs the card. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import type { Places } from '../../base/paths.ts';
import { plural } from '../../base/text.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { renderSpec } from '../../spec/write.ts';
import { CAPTION_KEY, settleEndpoint } from '../captions/consent.ts';
import { captionMethods } from '../captions/methods.ts';
import { captionsDir, readWritten } from '../captions/store.ts';
import { writeCaptions } from '../captions/write.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import type { StepTools } from '../events/step-tools.ts';
import { plannedSamples } from '../plan/resolve.ts';
import { withCaptions } from '../plan/samples.ts';
import type { Plan } from '../plan/schema.ts';
import { loadSpec } from '../prepare/load.ts';
import { promptedAgain } from '../prepare/prompted.ts';
import { captionsToCome } from '../run-folder/captions-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { LiveFolder } from '../runs/live-folder.ts';

interface Input {
  readonly folder: LiveFolder;
  readonly environment: PythonEnvironment;
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Writes the captions that are still missing in the plan, and the plan with them. Where nobody chose sample prompts,
 * these captions give them, in plan.json and run.yaml, so that the same run comes again from either. An attempt that was ended in between
 * finds the captions that were written and continues. An image that cannot be captioned keeps the caption of an image
 * without one.
 * @throws the errors of writing captions
 */
export async function captionRun(plan: Plan, input: Input, tools: StepTools): Promise<Plan> {
  const { pending, prompts } = captionsToCome(input.folder.dir);
  if (pending.size === 0) return plan;
  const { folder, environment, places, env } = input;
  const dir = folder.path();
  const registry = loadRegistry({ configDir: places.config });
  const loaded = loadSpec(join(dir, RUN_FILES.spec), { registry });
  const { spec } = loaded;
  // The folder may be a copy of somebody else's run that was never started here, so consent is checked as before a
  // start.
  settleEndpoint(spec.captions, { places, env, allows: false });
  const images = plan.data.images.filter(({ sha256 }) => pending.has(sha256));
  await writeCaptions(
    {
      settings: spec.captions,
      dir,
      places,
      env,
      environment,
      root: plan.data.root,
      images,
      device: plan.resources.device,
      threads: plan.resources.threads,
      log: join(folder.dir, RUN_FILES.log),
      keyEnv: CAPTION_KEY,
    },
    tools,
  );
  const texts = await writtenTexts(images, { spec, dir, places, registry });
  const written = withCaptions(plan, spec, texts);
  const isCaptioned = ({ sha256 }: { readonly sha256: string }) => !pending.has(sha256) || texts.has(sha256);
  const prompted = promptedAgain(loaded, written.data.images.filter(isCaptioned), prompts);
  const captioned = prompted === undefined ? written : { ...written, samples: plannedSamples(prompted.spec) };
  // An attempt that is ended between these files does the same again: images are pending until the last one.
  writeFileAtomic(join(folder.dir, RUN_FILES.plan), `${JSON.stringify(captioned, null, 1)}\n`);
  if (prompted !== undefined)
    writeFileAtomic(join(folder.dir, RUN_FILES.spec), renderSpec(prompted.spec, prompted.provenance));
  writeFileAtomic(join(folder.dir, RUN_FILES.captions), `${JSON.stringify({ pending: [] })}\n`);
  tools.note({
    level: 'info',
    text: `${plural(texts.size, 'caption')} written, outside of your folder: plan.json has them`,
  });
  if (prompted !== undefined)
    tools.note({
      level: 'info',
      text: `samples show prompts from the captions: ${captioned.samples.prompts.join(' | ')}`,
    });
  return captioned;
}

interface Texts {
  readonly spec: RunSpec;
  readonly dir: string;
  readonly places: Places;
  readonly registry: ReturnType<typeof loadRegistry>;
}

async function writtenTexts(images: Plan['data']['images'], { spec, dir, places, registry }: Texts) {
  const settings = spec.captions;
  const methods = await captionMethods({ settings, dir, registry, places });
  const texts = new Map<string, string>();
  for (const { sha256 } of images) {
    const written = readWritten(captionsDir(places), sha256, methods, settings);
    if (written !== undefined) texts.set(sha256, written.caption);
  }
  return texts;
}
