/** The page of a run, from its folder. */
import { UsageError } from '../base/errors.ts';
import { collectReport } from '../engine/report/collect.ts';
import type { RunReport } from '../engine/report/types.ts';
import { inspectRun } from '../engine/runs/inspect.ts';
import { readPlan } from '../engine/runs/read-plan.ts';
import { ImageShrinker } from './images.ts';
import { renderPage } from './page.tsx';
import { type Sheet, sheetOf } from './sheet-images.ts';

export interface RunPage {
  /** Whether the page asks its server for news while the run goes on. */
  readonly live: boolean;
  /** Whether it says when it was made; without that the page depends on the run alone. */
  readonly dated: boolean;
  /** Folder with the thumbnails of images that were looked at; without it the data set is not shown. */
  readonly looks?: string | undefined;
}

/** A function that makes the page as the run is now. It shrinks each sample once, however often it is called. */
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

/** Null for a run whose plan is not there yet, or cannot be read: the rest of the page is worth having. */
function quietSheet(dir: string, losses: RunReport['image_losses'], looks: string): Sheet | null {
  try {
    return sheetOf(readPlan(dir), losses, looks);
  } catch {
    return null;
  }
}
