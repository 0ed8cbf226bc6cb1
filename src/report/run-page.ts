/** Makes the page of a run from its folder. */
import { UsageError } from '../base/errors.ts';
import { collectReport } from '../engine/report/collect.ts';
import type { RunReport } from '../engine/report/types.ts';
import { inspectRun } from '../engine/runs/inspect.ts';
import { readPlan } from '../engine/runs/read-plan.ts';
import { ImageShrinker } from './images.ts';
import { renderPage } from './page.tsx';
import { type Sheet, sheetOf } from './sheet-images.ts';

export interface RunPage {
  /** Whether the page requests updates from its server while the run is live. */
  readonly live: boolean;
  /** Whether the page says when it was made; without the date it depends on the run alone. */
  readonly dated: boolean;
  /** Folder with the thumbnails of examined images; without it the data set is not shown. */
  readonly looks?: string | undefined;
}

/** Returns a function that makes the page for the present state of the run. It shrinks each sample only once. */
export function runPage(dir: string, { live, dated, looks }: RunPage): () => string {
  const shrinker = new ImageShrinker();
  let sheet: Sheet | null | undefined;
  return () => {
    const summary = inspectRun(dir);
    if (summary === undefined)
      throw new UsageError('The run is gone: its folder was moved or removed.', { id: 'run/none' });
    const report = collectReport(summary);
    const paths = report.samples.flatMap(({ base, steps }) => [
      ...(base === null ? [] : [base]),
      ...steps.map(({ path }) => path),
    ]);
    const images = shrinker.shrink(dir, [...new Set(paths)]);
    // The images of a run do not change, so their sheet is made once.
    sheet ??= looks === undefined ? null : quietSheet(dir, report.image_losses, looks);
    return renderPage({
      report,
      images,
      sheet,
      live: live && summary.state === 'live',
      now: dated ? new Date() : null,
    });
  };
}

/**
 * The sheet; null for a run whose plan is not there yet or cannot be read, since the rest of the page is still useful.
 */
function quietSheet(dir: string, losses: RunReport['image_losses'], looks: string): Sheet | null {
  try {
    return sheetOf(readPlan(dir), losses, looks);
  } catch {
    return null;
  }
}
