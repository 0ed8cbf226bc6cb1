/**
 * Carries out `models check [ID…]`: checks that every source still exists, with the size and hash that the registry
 * names.
 */

import { EXIT } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { createClient } from '../../../download/http/client.ts';
import { downloadSettings } from '../../../download/http/settings.ts';
import { allowedTokenHosts } from '../../../download/http/token-hosts.ts';
import { findEntry, loadRegistry } from '../../../registry/catalogue/load.ts';
import { checkSources } from '../../../registry/hub/check.ts';
import { progressBars } from '../../../terminal/bars.ts';
import { tableOrRecords } from '../../../terminal/table.ts';
import type { CommandRun } from '../../shell/context.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';

export const run: CommandRun = async (ids, _options, context) => {
  const { out, places, env, flags } = context;
  const registry = loadRegistry({ configDir: places.config });
  const entries = ids.length > 0 ? ids.map((id) => findEntry(registry, id)) : [...registry.models, ...registry.assets];
  const settings = downloadSettings(env, { tokenHosts: allowedTokenHosts(places) });
  const client = createClient(settings, env);
  const stop = stopSignals();
  const bars = progressBars(context);
  const onChecked = (done: number, total: number) =>
    bars?.set('asked', done, total, `${done} of ${total} sources asked`);
  try {
    const sources = await checkSources(entries, { client, settings, env, signal: stop.signal, onChecked }).finally(() =>
      bars?.close(),
    );
    const bad = sources.filter(({ state }) => state === 'stale' || state === 'unreachable');
    if (flags.json) out.json({ sources, stale: bad.length });
    else {
      const rows = sources.map((s) => [
        s.state,
        s.ids.length > 1 ? `${s.ids[0]} and ${s.ids.length - 1} more` : (s.ids[0] ?? ''),
        s.file,
        s.source,
        s.detail,
      ]);
      const head = ['STATE', 'MODEL', 'FILE', 'SOURCE', 'REMARK'];
      for (const line of tableOrRecords(head, rows, { width: out.width, apart: 2 })) out.data(line);
      out.talk(
        bad.length === 0
          ? `${plural(sources.length, 'source')} good.`
          : `${bad.length} of ${plural(sources.length, 'source')} stale or out of reach.`,
      );
    }
    return bad.length === 0 ? EXIT.ok : EXIT.download;
  } finally {
    stop.off();
    await client.close();
  }
};
