/** The page of a run, from its folder. */
import { UsageError } from '../base/errors.ts';
import { collectReport } from '../engine/report/collect.ts';
import { inspectRun } from '../engine/runs/inspect.ts';
import { ImageShrinker } from './images.ts';
import { renderPage } from './page.tsx';

export interface RunPage {
  /** Whether the page asks its server for news while the run goes on. */
  readonly live: boolean;
  /** Whether it says when it was made; without that the page depends on the run alone. */
  readonly dated: boolean;
}

/** A function that makes the page as the run is now. It shrinks each sample once, however often it is called. */
export function runPage(dir: string, { live, dated }: RunPage): () => string {
  const shrinker = new ImageShrinker();
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
    return renderPage({ report, images, live: live && summary.state === 'live', now: dated ? new Date() : null });
  };
}
