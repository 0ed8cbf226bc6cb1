/** Several runs on one page: differing settings, curves over each other, samples of the same prompts side by side. */
import { renderToStaticMarkup } from 'react-dom/server';
import { formatDuration } from '../base/text.ts';
import type { Difference, RunsCompared } from '../engine/report/compare.ts';
import type { KeyEffect } from '../engine/report/sweep.ts';
import type { RunReport } from '../engine/report/types.ts';
import { ComparedJudgements, SweptValues } from './compare-tables.tsx';
import { CurvesData, NumberTable, PageFooter, PageHeader, pageDocument } from './document.tsx';
import type { PageImage } from './images.ts';
import { lossDigits, valueText } from './words.ts';

/** Colours of runs, as many as the page's style and its chart have. */
const RUN_COLOURS = 8;

export interface ComparePageInput {
  readonly reports: readonly RunReport[];
  readonly compared: RunsCompared;
  /** Images of each run by path, in the order of the runs. */
  readonly images: readonly ReadonlyMap<string, PageImage>[];
  /** The results for each value of a sweep; empty for runs that were named one by one. */
  readonly effects: readonly KeyEffect[];
}

export function renderComparePage(input: ComparePageInput): string {
  const names = input.reports.map(({ name }) => name).join(', ');
  return pageDocument({
    title: renderToStaticMarkup(<title>{`${names} · visiontrain`}</title>),
    body: renderToStaticMarkup(<ComparePage {...input} />),
    live: false,
  });
}

const LINKS = [
  ['results', 'Results'],
  ['differences', 'Differences'],
  ['curves', 'Curves'],
  ['samples', 'Samples'],
] as const;

function ComparePage(input: ComparePageInput) {
  const { reports, compared } = input;
  const curves = reports.map(({ name, loss, validation }) => ({ name, loss, validation }));
  return (
    <>
      <PageHeader title={`${reports.length} runs compared`} what="comparison" links={LINKS} />
      <main id="main">
        <Results compared={compared} />
        <ComparedJudgements runs={compared.runs} />
        <SweptValues effects={input.effects} />
        <Differences compared={compared} />
        <section id="curves" aria-labelledby="curves-title">
          <h2 id="curves-title">Curves</h2>
          <p className="quiet">
            Smoothed loss; validation dashed, with points. Drag over a part to zoom, double-click for all of it. With
            the keyboard: + and − zoom, ← and → move, 0 shows all.
          </p>
          <div
            className="chart"
            data-chart="runs"
            role="img"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: keys zoom the chart
            tabIndex={0}
            aria-label={`Loss of ${reports.map(({ name }) => name).join(', ')}; the table of results has its end`}
          />
        </section>
        <SideBySide {...input} />
        <CurvesData value={{ runs: curves }} />
      </main>
      <PageFooter />
    </>
  );
}

function Results({ compared: { runs } }: { readonly compared: RunsCompared }) {
  const point = (value: RunsCompared['runs'][number]['best']) =>
    value === null ? '–' : `${lossDigits(value.loss)} ± ${lossDigits(value.stderr)} at ${value.step}`;
  return (
    <section id="results" aria-labelledby="results-title">
      <h2 id="results-title">Results</h2>
      <NumberTable heads={['Run', 'Verdict', 'Steps', 'Loss', 'Validation', 'Best validation', 'Time']}>
        {runs.map(({ name, verdict, step, steps, loss, validation, best, seconds }, i) => (
          <tr key={name}>
            <th scope="row">
              <span
                className="swatch"
                data-run={i % RUN_COLOURS}
                data-again={i < RUN_COLOURS ? undefined : ''}
                aria-hidden="true"
              />
              {name}
            </th>
            <td>{verdict}</td>
            <td className="number">{`${step} of ${steps}`}</td>
            <td className="number">{loss === null ? '–' : lossDigits(loss)}</td>
            <td className="number">{point(validation)}</td>
            <td className="number">{point(best)}</td>
            <td className="number">{seconds === null ? '–' : formatDuration(seconds)}</td>
          </tr>
        ))}
      </NumberTable>
    </section>
  );
}

function Differences({ compared: { runs, settings, machine } }: { readonly compared: RunsCompared }) {
  const rows = (all: readonly Difference[]) =>
    all.map(({ key, values }) => (
      <tr key={key}>
        <th scope="row">{key}</th>
        {values.map((value, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: each column is a run, in a fixed order
          <td key={i}>{value === null ? '–' : valueText(value)}</td>
        ))}
      </tr>
    ));
  return (
    <section id="differences" aria-labelledby="differences-title">
      <h2 id="differences-title">What differs</h2>
      {settings.length + machine.length === 0 ? <p>Nothing: the settings and the machine are the same.</p> : null}
      {settings.length + machine.length > 0 ? (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Setting</th>
                {runs.map(({ name }) => (
                  <th scope="col" key={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows(settings)}
              {rows(machine)}
            </tbody>
          </table>
        </div>
      ) : null}
    </section>
  );
}

function SideBySide({ reports, compared, images }: ComparePageInput) {
  return (
    <section id="samples" aria-labelledby="samples-title">
      <h2 id="samples-title">The same prompts</h2>
      {compared.samples.length === 0 ? <p className="quiet">These runs have made no samples.</p> : null}
      <div className="prompts wide">
        {compared.samples.map(({ prompt, seed, newest }) => (
          <figure className="prompt" key={`${seed} ${prompt}`}>
            <figcaption>
              <span className="text">{prompt}</span>
              <small>{`seed ${seed}`}</small>
            </figcaption>
            <div className="pair many">
              {newest.map((sample, i) => {
                const name = reports[i]?.name ?? '';
                const image = sample === null ? undefined : images[i]?.get(sample.path);
                return (
                  <div className="frame" key={name}>
                    {image === undefined ? (
                      <p className="quiet">no sample</p>
                    ) : (
                      <img
                        src={image.uri}
                        width={image.width}
                        height={image.height}
                        alt={`${name}, step ${sample?.step}: ${prompt}`}
                      />
                    )}
                    <span className="label">{`${name}${sample === null ? '' : `, step ${sample.step}`}`}</span>
                  </div>
                );
              })}
            </div>
          </figure>
        ))}
      </div>
    </section>
  );
}
