import { readSettings } from '../../engine/settings/settings.ts';
import type { CommandRun } from '../shell/context.ts';

/** Shows each setting and folder with its source. */
export const run: CommandRun = async (_args, options, { out, env, places, flags }) => {
  const workspace = typeof options.workspace === 'string' ? { workspace: options.workspace } : {};
  const settings = await readSettings({ flags: workspace, env, projectDir: process.cwd(), userDir: places.config });
  if (flags.json) {
    out.json({ settings, places });
    return 0;
  }
  for (const { name, value, source } of settings) out.data(`${name.padEnd(12)} ${value ?? '-'}   (${source})`);
  for (const [name, path] of Object.entries(places)) out.data(`${name.padEnd(12)} ${path}`);
  return 0;
};
