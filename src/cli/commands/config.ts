import { EXIT } from '../../base/errors.ts';
import { readSettings } from '../../engine/settings/settings.ts';
import type { CommandRun } from '../shell/context.ts';
import { text } from './shared/options.ts';

/** Shows each setting and folder with its source. */
export const run: CommandRun = async (_args, options, { out, env, places, flags }) => {
  const workspace = text(options.workspace);
  const flag = workspace === undefined ? {} : { workspace };
  const settings = await readSettings({ flags: flag, env, projectDir: process.cwd(), userDir: places.config });
  if (flags.json) {
    out.json({ settings, places });
    return EXIT.ok;
  }
  for (const { name, value, source } of settings) out.data(`${name.padEnd(12)} ${value ?? '-'}   (${source})`);
  for (const [name, path] of Object.entries(places)) out.data(`${name.padEnd(12)} ${path}`);
  return EXIT.ok;
};
