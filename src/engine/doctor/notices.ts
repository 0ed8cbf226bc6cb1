/** Checks whether notices can be sent as the settings say. */
import type { Places } from '../../base/paths.ts';
import { noticeTargets } from '../notices/targets.ts';
import { readNotify } from '../settings/read-notify.ts';
import { good, type HealthFinding, warn } from './finding.ts';

export async function examineNotices(places: Places, env: NodeJS.ProcessEnv): Promise<readonly HealthFinding[]> {
  const { settings } = await readNotify(places.config, env);
  const targets = noticeTargets(settings, { env });
  const lost = targets.filter(({ problem }) => problem !== undefined);
  if (lost.length > 0)
    return lost.map(({ name, problem }) =>
      warn('notices', 'Notices', `${name}: ${problem}`, 'visiontrain notify --test'),
    );
  const ways = targets.map(({ name }) => name).join(', ');
  return [good('notices', 'Notices', ways === '' ? 'in the terminal only' : ways)];
}
