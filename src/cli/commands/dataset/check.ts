import { EXIT, UsageError } from '../../../base/errors.ts';
import { typedPath } from '../../../base/typed-path.ts';
import { hashPictures } from '../../../engine/dataset/hash.ts';
import { type DatasetReport, datasetReport, reportLines } from '../../../engine/dataset/report.ts';
import { type ScanOptions, scanDataset } from '../../../engine/dataset/scan.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';

/** `dataset check DIR`: shows what is in a folder and what would not be used. It changes nothing. */
export const run: CommandRun = async ([folder = '.'], options, context) => {
  show(datasetReport(await inspect(folder, scanOptions(options), context)), context);
  return EXIT.ok;
};

type Wanted = Pick<ScanOptions, 'captionExtension' | 'include'>;

/** What `--captions` and `--include` say. @throws UsageError for what can be no extension */
export function scanOptions(options: Options): Wanted {
  const captionExtension = text(options.captions) ?? '.txt';
  if (!/^\.[A-Za-z0-9._-]+$/u.test(captionExtension))
    throw new UsageError(`--captions ${captionExtension} must look like .txt`, { id: 'command/wrong-value' });
  return { captionExtension, include: Array.isArray(options.include) ? (options.include as string[]) : [] };
}

/** The pictures of a folder, known to be whole and different from each other. */
export async function inspect(folder: string, wanted: Wanted, { places }: Context) {
  const scan = await scanDataset(typedPath(folder, '.'), { ...wanted, own: [places.home] });
  return hashPictures(scan, { cacheDir: places.cache });
}

function show(report: DatasetReport, { out, flags }: Context): void {
  if (flags.json) out.json(report);
  else for (const line of reportLines(report)) out.data(line);
}
