/** Describes how the person is notified about runs. This is set in the person's own settings, not in run.yaml. */
import { join } from 'node:path';
import type { Places } from '../../base/paths.ts';
import { neutralise } from '../../base/text.ts';
import { readNotify } from '../../engine/settings/read-notify.ts';
import type { ToldFacts } from '../questions/facts.ts';

/**
 * The facts about notices.
 * @throws ConfigError when the person's settings file cannot be read or has mistakes
 */
export async function toldFacts({ config }: Pick<Places, 'config'>, env: NodeJS.ProcessEnv): Promise<ToldFacts> {
  const { settings, path } = await readNotify(config, env);
  const { noticeTargets } = await import('../../engine/notices/targets.ts');
  const shown = [
    ...(settings.bell ? ['bell'] : []),
    ...(settings.terminal === 'off' ? [] : ['notice of the terminal']),
    ...noticeTargets(settings, { env }).map(({ name, problem }) =>
      problem === undefined ? name : `${name} (not set)`,
    ),
  ];
  return {
    ways: neutralise(shown.join(', ')),
    by: path === undefined ? 'preset' : 'you',
    file: neutralise(path ?? join(config, '.visiontrainrc.yaml')),
  };
}
