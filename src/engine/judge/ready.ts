/** Fetches the models that judge where they are missing, and installs the packages to run them. */
import type { Places } from '../../base/paths.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import { readyAsset } from '../../registry/fetch/ready-asset.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { EXTRAS, ensureExtra } from '../environment/extras.ts';
import type { StepTools } from '../events/step-tools.ts';
import { type JudgeModels, modelWords } from './models.ts';

interface Where {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly environment: PythonEnvironment;
}

/**
 * Makes everything ready that the models need, and names the licence of each that is fetched. Returns folders with
 * packages.
 * @throws DownloadError, EnvironmentError, or the signal's reason
 */
export async function readyJudges(models: JudgeModels, where: Where, tools: StepTools): Promise<readonly string[]> {
  const { places, env, environment } = where;
  const { signal, progress } = tools;
  const used = [models.likeness, models.fit].flatMap((model) => model ?? []);
  for (const model of used) {
    const onStart = () => tools.phase(`fetching ${modelWords(model)}`);
    if (model.entry !== undefined && !locateModel(model.entry, places).ready)
      await readyAsset(model.entry, { places, env, signal, onStart, onProgress: progress });
  }
  if (!used.some(({ isTagger }) => isTagger)) return [];
  const folder = await ensureExtra(EXTRAS.captions, {
    places,
    env,
    environment,
    signal,
    onProgress: ({ item, done, total, detail }) =>
      progress({ item, unit: 'packages', done, total, ...(detail === undefined ? {} : { detail }) }),
  });
  return folder === null ? [] : [folder];
}
