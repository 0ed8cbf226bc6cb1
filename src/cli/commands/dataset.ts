import { UsageError } from '../../base/errors.ts';
import { typedPath } from '../../base/typed-path.ts';
import { hashPictures } from '../../engine/dataset/hash.ts';
import { type DatasetReport, datasetReport, reportLines } from '../../engine/dataset/report.ts';
import { type ScanOptions, scanDataset } from '../../engine/dataset/scan.ts';
import type { CommandRun, Context } from '../shell/context.ts';

/** `dataset check DIR`: shows what is in a folder and what would not be used. It changes nothing. */
export const run: CommandRun = async ([action, folder], options, context) => {
  if (action !== 'check')
    throw new UsageError(`There is no dataset ${action ?? 'command without a name'}.`, {
      nextSteps: ['visiontrain dataset check FOLDER'],
    });
  if (folder === undefined) throw new UsageError('Which folder?', { nextSteps: ['visiontrain dataset check FOLDER'] });
  const captionExtension = typeof options.captions === 'string' ? options.captions : '.txt';
  if (!/^\.[A-Za-z0-9._-]+$/u.test(captionExtension))
    throw new UsageError(`--captions ${captionExtension} must look like .txt`);
  const include = Array.isArray(options.include) ? (options.include as string[]) : [];
  show(datasetReport(await inspect(folder, { captionExtension, include }, context)), context);
  return undefined;
};

type Wanted = Pick<ScanOptions, 'captionExtension' | 'include'>;

async function inspect(folder: string, wanted: Wanted, { places }: Context) {
  const scan = await scanDataset(typedPath(folder, '.'), { ...wanted, own: [places.home] });
  return hashPictures(scan, { cacheDir: places.cache });
}

function show(report: DatasetReport, { out, flags }: Context): void {
  if (flags.json) out.json(report);
  else for (const line of reportLines(report)) out.data(line);
}
