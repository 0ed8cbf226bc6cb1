import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { formatBytes } from '../../../base/text.ts';
import { formatWhen } from '../../../base/when.ts';
import { type KeptEnvironment, keptEnvironments, removeEnvironment } from '../../../engine/environment/kept.ts';
import { table } from '../../../terminal/table.ts';
import type { Context } from '../../shell/context.ts';

/** Carries out `setup --list`: lists every environment on the disk, and which of them this version uses. */
export async function listEnvironments({ out, places, flags }: Context): Promise<ExitCode> {
  const kept = await keptEnvironments(places);
  if (flags.json) {
    out.json(kept);
    return EXIT.ok;
  }
  if (kept.length === 0) {
    out.talk(`There is no Python environment in ${places.envs} yet.  visiontrain setup   makes one`);
    return EXIT.ok;
  }
  const now = new Date();
  const rows = kept.map((e) => [
    e.name,
    e.torch ?? 'unfinished',
    e.python_version ?? '-',
    formatBytes(e.bytes),
    e.made_at === null ? '-' : formatWhen(e.made_at, now),
    state(e),
  ]);
  const room = { width: out.width, expendable: ['MADE', 'PYTHON'] };
  for (const line of table(['ENVIRONMENT', 'TORCH', 'PYTHON', 'SIZE', 'MADE', 'STATE'], rows, room)) out.data(line);
  const old = kept.filter(({ current }) => !current);
  if (old.length > 0) out.talk('visiontrain setup --remove   removes those that this version does not use');
  return EXIT.ok;
}

const state = ({ current, complete, busy }: KeptEnvironment): string =>
  busy ? 'in use' : current ? (complete ? 'ready' : 'unfinished') : 'not used';

/**
 * Carries out `setup --remove [name]`: removes the named environment, or all that this version does not use. No
 * question is asked, since an environment can be made again at any time.
 * @throws UsageError for an unknown name, or an environment in use
 */
export async function removeEnvironments({ out, places, flags }: Context, name: string | undefined): Promise<ExitCode> {
  const kept = await keptEnvironments(places);
  const wanted = kept.filter((e) => (name === undefined ? !e.current && !e.busy : e.name === name));
  if (name !== undefined && wanted.length === 0)
    throw new UsageError(`There is no environment ${JSON.stringify(name)} in ${places.envs}.`, {
      id: 'environment/kept',
      nextSteps: ['visiontrain setup --list   shows them'],
    });
  const [busy] = wanted.filter((e) => e.busy);
  if (busy !== undefined)
    throw new UsageError(`${busy.name} is in use: a set-up or a run works with it.`, {
      id: 'environment/kept',
      nextSteps: ['visiontrain ps   shows the runs'],
    });
  for (const environment of wanted) removeEnvironment(places, environment);
  const bytes = wanted.reduce((sum, e) => sum + e.bytes, 0);
  if (flags.json) out.json({ removed: wanted.map((e) => e.name), bytes });
  else if (wanted.length === 0) out.talk('Nothing to remove: every environment is used by this version.');
  else out.talk(`Removed ${wanted.map((e) => e.name).join(', ')}: ${formatBytes(bytes)} are free again.`);
  return EXIT.ok;
}
