/** The report as one HTML page that needs no network. React escapes every text of the run. */
import { renderToStaticMarkup } from 'react-dom/server';
import type { RunReport } from '../engine/report/types.ts';
import { ContactSheet } from './contact-sheet.tsx';
import { Curves, ImageLosses } from './curves.tsx';
import { Dataset } from './dataset.tsx';
import { CurvesData, PageFooter, PageHeader, pageDocument } from './document.tsx';
import { Files, MachineFacts, Notes, Settings } from './facts.tsx';
import type { PageImage } from './images.ts';
import { JudgeTable } from './judge-table.tsx';
import { Samples } from './samples.tsx';
import type { Sheet } from './sheet-images.ts';
import { Use } from './use.tsx';
import { VerdictBanner } from './verdict.tsx';

export interface PageInput {
  readonly report: RunReport;
  /** Samples by path relative to the run folder. */
  readonly images: ReadonlyMap<string, PageImage>;
  /** The images of the data set; null when they are not shown. */
  readonly sheet: Sheet | null;
  /** Whether the page requests updates from its server, which is so only under `report --serve`. */
  readonly live: boolean;
  /** When the page was made; null leaves the date out. */
  readonly now: Date | null;
}

/** The whole page, as the text of an HTML file. */
export function renderPage(input: PageInput): string {
  return pageDocument({
    title: renderToStaticMarkup(<title>{`${input.report.name} · visiontrain`}</title>),
    body: renderToStaticMarkup(<Body {...input} />),
    live: input.live,
  });
}

const LINKS = [
  ['samples', 'Samples'],
  ['curves', 'Curves'],
  ['data-set', 'Data set'],
  ['use', 'Use it'],
  ['settings', 'Settings'],
  ['machine', 'Machine'],
  ['files', 'Files'],
] as const;

function Body({ report, images, sheet, live, now }: PageInput) {
  const { loss, learning_rate: rate, validation, best_step: best } = report;
  return (
    <>
      <PageHeader title={report.name} what="report" links={LINKS} />
      <main id="main">
        <VerdictBanner report={report} live={live} />
        <Samples report={report} images={images} />
        <Curves report={report} />
        <JudgeTable report={report} />
        <ImageLosses report={report} />
        <Dataset report={report} />
        <ContactSheet sheet={sheet} />
        <Use report={report} />
        <Settings report={report} />
        <MachineFacts report={report} />
        <Files report={report} />
        <Notes report={report} />
        <CurvesData value={{ loss, rate, validation, best }} />
      </main>
      <PageFooter now={now} />
    </>
  );
}
