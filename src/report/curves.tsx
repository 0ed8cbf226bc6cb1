/** Loss and learning rate. The script draws the curves; a table has the same values for people who cannot see them. */
import type { ImageLoss, RunReport, StepCurve } from '../engine/report/types.ts';
import { lossDigits } from './words.ts';

/** Rows of the table beside the curves. */
const ROWS = 12;

export function Curves({ report }: { readonly report: RunReport }) {
  const { loss, validation, learning_rate: rate } = report;
  const last = validation.at(-1);
  const about = [
    `Loss over ${loss.steps.at(-1) ?? 0} steps`,
    last === undefined ? '' : `validation ${lossDigits(last.loss)} at step ${last.step}`,
  ];
  return (
    <section id="curves" aria-labelledby="curves-title">
      <h2 id="curves-title">Curves</h2>
      {loss.steps.length === 0 ? (
        <p className="quiet">No step was done yet.</p>
      ) : (
        <>
          <p className="quiet">
            Drag over a part to zoom, double-click for all of it. With the keyboard: + and − zoom, ← and → move, 0 shows
            all.
          </p>
          <div
            className="chart"
            data-chart="loss"
            role="img"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: keys zoom the chart
            tabIndex={0}
            aria-label={about.filter((text) => text !== '').join(', ')}
          />
          <div
            className="chart small"
            data-chart="rate"
            role="img"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: keys zoom the chart
            tabIndex={0}
            aria-label={`Learning rate, at most ${Math.max(...rate.values, 0).toPrecision(3)}`}
          />
          <details>
            <summary>The curves as a table</summary>
            <CurveTable report={report} />
          </details>
        </>
      )}
    </section>
  );
}

function CurveTable({ report: { loss, learning_rate: rate, validation } }: { readonly report: RunReport }) {
  const rows = [...new Set([...picked(loss), ...validation.map(({ step }) => step)])].sort((a, b) => a - b);
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col" className="number">
            Loss
          </th>
          <th scope="col" className="number">
            Validation
          </th>
          <th scope="col" className="number">
            Rate
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((step) => {
          const found = validation.find((point) => point.step === step);
          return (
            <tr key={step}>
              <th scope="row">{step}</th>
              <td className="number">{lossDigits(at(loss, step))}</td>
              <td className="number">
                {found === undefined ? '' : `${lossDigits(found.loss)} ± ${lossDigits(found.stderr)}`}
              </td>
              <td className="number">{at(rate, step).toPrecision(3)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const picked = ({ steps }: StepCurve): readonly number[] =>
  steps.filter((_, i) => i === steps.length - 1 || i % Math.max(1, Math.ceil(steps.length / ROWS)) === 0);

/** The value at a step, or at the next step that the curve has. */
function at({ steps, values }: StepCurve, step: number): number {
  const index = steps.findIndex((x) => x >= step);
  return values[index === -1 ? values.length - 1 : index] ?? 0;
}

/** Most images in the list. */
const MOST_IMAGES = 100;
const KINDS = {
  learned: 'learned',
  never: 'never learned: a wrong caption, or the odd one out?',
  by_heart: 'known by heart: its loss fell far more than that of others',
  held_out: 'kept out of training',
} as const;

export function ImageLosses({ report: { image_losses: losses } }: { readonly report: RunReport }) {
  if (losses === null || losses.length === 0) return null;
  const standsOut = ({ kind }: ImageLoss) => kind === 'never' || kind === 'by_heart';
  const odd = losses.filter(standsOut).length;
  const ordered = [...losses.filter(standsOut), ...losses.filter((image) => !standsOut(image))];
  return (
    <section id="pictures" aria-labelledby="pictures-title">
      <h2 id="pictures-title">Loss of each picture</h2>
      <details open={odd > 0}>
        <summary>
          {odd === 0
            ? `${losses.length} pictures, the highest loss first`
            : `${losses.length} pictures: ${odd} that stand out, then the highest loss first`}
        </summary>
        <table className="losses">
          <thead>
            <tr>
              <th scope="col">Picture</th>
              <th scope="col" className="number">
                Before
              </th>
              <th scope="col" className="number">
                After
              </th>
              <th scope="col">It is</th>
            </tr>
          </thead>
          <tbody>
            {ordered.slice(0, MOST_IMAGES).map(({ path, kind, before, after }) => (
              <tr key={`${kind} ${path}`} className={kind === 'never' || kind === 'by_heart' ? 'odd' : undefined}>
                <th scope="row">{path}</th>
                <td className="number">{lossDigits(before)}</td>
                <td className="number">{lossDigits(after)}</td>
                <td>{KINDS[kind]}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {losses.length > MOST_IMAGES ? <p className="quiet">{`and ${losses.length - MOST_IMAGES} more`}</p> : null}
      </details>
    </section>
  );
}
