/** The report as one HTML page that needs no network. React escapes every text of the run. */
import { renderToStaticMarkup } from 'react-dom/server';
import { packageVersion } from '../base/package-root.ts';
import { formatWhen } from '../base/when.ts';
import type { RunReport } from '../engine/report/types.ts';
import { ContactSheet } from './contact-sheet.tsx';
import { Curves, ImageLosses } from './curves.tsx';
import { Dataset } from './dataset.tsx';
import { embeddedJson, pageDocument } from './document.ts';
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
      <a className="skip" href="#main">
        Skip to the report
      </a>
      <header className="top">
        <h1>{report.name}</h1>
        <nav aria-label="Parts of the report">
          {LINKS.map(([id, text]) => (
            <a key={id} href={`#${id}`}>
              {text}
            </a>
          ))}
        </nav>
        <button type="button" className="theme" data-theme-switch="" aria-label="Light or dark">
          <span aria-hidden="true">◐</span>
        </button>
      </header>
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
        <script
          type="application/json"
          id="curves-data"
          // biome-ignore lint/security/noDangerouslySetInnerHtml: numbers only, and every `<` is escaped
          dangerouslySetInnerHTML={{ __html: embeddedJson({ loss, rate, validation, best }) }}
        />
      </main>
      <footer>
        {`Made by visiontrain ${packageVersion()}${now === null ? '' : `, ${formatWhen(now.getTime() / 1000, now)}`}. This page holds all it shows and asks nothing of the network.`}
      </footer>
    </>
  );
}
