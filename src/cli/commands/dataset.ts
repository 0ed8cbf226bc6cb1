import { UsageError } from '../../base/errors.ts';
import { typedPath } from '../../base/typed-path.ts';
import { hashPictures } from '../../engine/dataset/hash.ts';
import { type DatasetReport, datasetReport, reportLines } from '../../engine/dataset/report.ts';
import { scanDataset } from '../../engine/dataset/scan.ts';
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
  show(datasetReport(await inspect(folder, captionExtension, context)), context);
  return undefined;
};

async function inspect(folder: string, captionExtension: string, { places }: Context) {
  const scan = await scanDataset(typedPath(folder, '.'), { captionExtension, own: [places.home] });
  return hashPictures(scan, { cacheDir: places.cache });
}

function show(report: DatasetReport, { out, flags }: Context): void {
  if (flags.json) out.json(report);
  else for (const line of reportLines(report)) out.data(line);
}
