/** The top of the page: whether the training worked, and the few figures that show it. */
import { formatBytes } from '../base/text.ts';
import type { RunReport } from '../engine/report/types.ts';
import { lossDigits, partTitle } from './words.ts';

const MARKS = { good: '✓', warn: '!', bad: '✗', live: '●' } as const;
const MEANINGS = { good: 'Good', warn: 'Look at it', bad: 'Bad', live: 'Live' } as const;

export function VerdictBanner({ report, live }: { readonly report: RunReport; readonly live: boolean }) {
  const { tone, title, lines } = report.verdict;
  const share = report.steps > 0 ? report.step / report.steps : 0;
  return (
    <section className={`verdict ${tone}`} aria-labelledby="verdict-title" aria-live={live ? 'polite' : undefined}>
      <h2 id="verdict-title">
        <span className="mark" role="img" aria-label={MEANINGS[tone]}>
          {MARKS[tone]}
        </span>
        {title}
      </h2>
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      {tone === 'live' && report.steps > 0 ? (
        <progress max={1} value={share} aria-label={`step ${report.step} of ${report.steps}`} />
      ) : null}
      <dl className="tiles">
        {tiles(report).map(([label, value, remark]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              {value}
              {remark === undefined ? null : <small>{remark}</small>}
            </dd>
          </div>
        ))}
      </dl>
      <WeightChange report={report} />
    </section>
  );
}

type Tile = readonly [label: string, value: string, remark?: string];

function tiles({ learned, validation, model, files, step, steps, dataset }: RunReport): readonly Tile[] {
  const tiles: Tile[] = [['Steps', String(step), `of ${steps}`]];
  const { before, after } = learned ?? {};
  if (before && after)
    tiles.push([
      'Loss at fixed noise',
      lossDigits(after.loss),
      `was ${lossDigits(before.loss)}, ± ${lossDigits(after.stderr)}`,
    ]);
  const last = validation.at(-1);
  if (last !== undefined)
    tiles.push(['Validation', lossDigits(last.loss), `± ${lossDigits(last.stderr)} at step ${last.step}`]);
  if (dataset !== null) tiles.push(['Pictures', String(dataset.images), `${dataset.epochs.toFixed(1)} epochs`]);
  if (model !== null) tiles.push(['Base model', model.name, model.family === 'sdxl' ? 'SDXL' : 'SD 1.5']);
  const [lora] = files;
  if (lora !== undefined) tiles.push(['LoRA', formatBytes(lora.bytes), `SHA-256 ${lora.sha256.slice(0, 12)}…`]);
  return tiles;
}

function WeightChange({ report: { learned } }: { readonly report: RunReport }) {
  const parts = Object.entries(learned?.weight_change ?? {});
  if (parts.length === 0) return null;
  const most = Math.max(...parts.map(([, share]) => share), 1e-9);
  return (
    <details>
      <summary>By how much its weights changed</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col">Change</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {parts.map(([part, share]) => (
            <tr key={part}>
              <th scope="row">{partTitle(part)}</th>
              <td className="number">{`${(share * 100).toPrecision(2)} %`}</td>
              <td aria-hidden="true">
                <meter min={0} max={most} value={share} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
