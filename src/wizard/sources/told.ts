/** Describes how the person is notified about runs, which is set in the person's own settings, not in run.yaml. */
import { join } from 'node:path';
import type { Places } from '../../base/paths.ts';
import { neutralise } from '../../base/text.ts';
import type { NotifySettings } from '../../engine/settings/notify.ts';
import { isTurnedOff, readNotify } from '../../engine/settings/read-notify.ts';
import type { ToldFacts } from '../questions/facts.ts';

/**
 * The facts about notices.
 * @throws ConfigError when the person's settings file cannot be read or has mistakes
 */
export async function toldFacts({ config }: Pick<Places, 'config'>, env: NodeJS.ProcessEnv): Promise<ToldFacts> {
  const { settings, path } = await readNotify(config, env);
  const { noticeTargets } = await import('../../engine/notices/targets.ts');
  const ways = (now: NotifySettings) => {
    const shown = [
      ...(now.bell ? ['bell'] : []),
      ...(now.terminal === 'off' ? [] : ['notice of the terminal']),
      ...noticeTargets(now, { env }).map(({ name, problem }) => (problem === undefined ? name : `${name} (not set)`)),
    ];
    return neutralise(shown.join(', '));
  };
  return {
    settings,
    ways,
    isOff: isTurnedOff(env),
    by: path === undefined ? 'preset' : 'you',
    file: neutralise(path ?? join(config, '.visiontrainrc.yaml')),
  };
}
