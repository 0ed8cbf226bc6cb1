/** Carries out `models verify [ID…]`: reads every file on this machine again and compares its SHA-256. */

import { EXIT } from '../../../base/errors.ts';
import { setAside, sizeOf } from '../../../base/files/disk.ts';
import { sha256OfFile } from '../../../base/files/hash.ts';
import { FileReporter } from '../../../download/transfer/report.ts';
import { findEntry, loadRegistry } from '../../../registry/catalogue/load.ts';
import { filePath } from '../../../registry/catalogue/locate.ts';
import type { AnyEntry, ModelFile } from '../../../registry/catalogue/schema.ts';
import { tableOrRecords } from '../../../terminal/table.ts';
import { downloadReporter } from '../../reporters/download.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';

/** Seconds between reports. */
const REPORT_EVERY = 0.25;

type State = 'ok' | 'wrong' | 'missing' | 'no hash known';

interface Verdict {
  readonly id: string;
  readonly file: string;
  readonly path: string;
  readonly state: State;
  /** Path to which a wrong file of ours was moved, so that nothing uses it. */
  readonly moved?: string;
}

export const run: CommandRun = async (ids, _options, context) => {
  const { out, places, flags } = context;
  const registry = loadRegistry({ configDir: places.config });
  const all: readonly AnyEntry[] = [...registry.models, ...registry.assets];
  const entries = ids.length > 0 ? ids.map((id) => findEntry(registry, id)) : all;
  const verdicts: Verdict[] = [];
  const report = downloadReporter(context);
  const stop = stopSignals('Stopped.');
  try {
    for (const entry of entries) {
      const here = entry.files.some((file) => sizeOf(filePath(entry, file, places)) !== undefined);
      if (!here && ids.length === 0) continue;
      for (const file of entry.files)
        verdicts.push(await verify(entry, file, { places, report: report.file, signal: stop.signal }));
    }
  } finally {
    report.close();
    stop.off();
  }
  if (flags.json) out.json({ files: verdicts });
  else if (verdicts.length === 0) out.talk('No models are here yet.');
  else
    for (const line of tableOrRecords(
      ['MODEL', 'FILE', 'STATE'],
      verdicts.map((v) => [v.id, v.file, v.moved === undefined ? v.state : `wrong; moved to ${v.moved}`]),
      { width: out.width, apart: 1 },
    ))
      out.data(line);
  const bad = verdicts.find(({ state }) => state === 'wrong' || state === 'missing');
  if (bad === undefined) return EXIT.ok;
  if (!flags.json) out.talk(`Fetch what is wrong or missing again: visiontrain models pull ${bad.id}`);
  return EXIT.download;
};

interface Verifying {
  readonly places: Context['places'];
  readonly report: ReturnType<typeof downloadReporter>['file'];
  readonly signal: AbortSignal;
}

async function verify(entry: AnyEntry, file: ModelFile, { places, report, signal }: Verifying): Promise<Verdict> {
  const path = filePath(entry, file, places);
  const base = { id: entry.id, file: file.path, path };
  const size = sizeOf(path);
  if (size === undefined) return { ...base, state: 'missing' };
  if (file.sha256 === undefined) return { ...base, state: 'no hash known' };
  const progress = new FileReporter(file.path, size, REPORT_EVERY, report);
  progress.stage('verifying');
  const sha256 = await sha256OfFile(path, (bytes) => progress.bytes(bytes, bytes), signal);
  if (sha256 === file.sha256) return { ...base, state: 'ok' };
  // A file of the person stays where it is. A file of ours must not be used any more.
  if (file.local !== undefined) return { ...base, state: 'wrong' };
  return { ...base, state: 'wrong', moved: await setAside(path, 'wrong-hash') };
}
