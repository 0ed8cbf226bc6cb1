/**
 * Tables of the page that compares runs: the checkpoint that `judge` advises in each, and the results for the values
 * of a sweep.
 */
import type { ComparedRun } from '../engine/report/compare.ts';
import type { KeyEffect } from '../engine/report/sweep.ts';
import { NumberTable } from './document.tsx';
import { JudgedCells, JudgedHead, rowName } from './judge-table.tsx';
import { lossDigits, valueText } from './words.ts';

export function ComparedJudgements({ runs }: { readonly runs: readonly ComparedRun[] }) {
  const judged = runs.flatMap(({ name, judged: of }) => (of === null ? [] : [{ name, ...of }]));
  if (judged.length === 0) return null;
  const measures = [...new Set(judged.map(({ measure }) => measure))];
  return (
    <section id="judged" aria-labelledby="judged-title">
      <h2 id="judged-title">What judge advises</h2>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <JudgedHead />
            </tr>
          </thead>
          <tbody>
            {judged.map(({ name, row }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{rowName(row)}</td>
                <JudgedCells row={row} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="quiet">
        {measures.length === 1
          ? `Samples were compared by ${measures[0]}.`
          : `Samples were compared by ${measures.join(' and by ')}: likeness by one says nothing beside the other.`}
      </p>
    </section>
  );
}

export function SweptValues({ effects }: { readonly effects: readonly KeyEffect[] }) {
  if (effects.length === 0) return null;
  return (
    <section id="swept" aria-labelledby="swept-title">
      <h2 id="swept-title">What was swept</h2>
      <p className="quiet">The mean of the best validation loss over all runs with a value, the lowest first.</p>
      <NumberTable heads={['Setting', 'Value', 'Runs', 'Mean validation', 'Lowest']}>
        {effects.flatMap(({ key, values }) =>
          values.map(({ value, runs, mean, lowest }) => (
            <tr key={`${key} ${JSON.stringify(value)}`}>
              <th scope="row">{key}</th>
              <td>{valueText(value)}</td>
              <td className="number">{runs}</td>
              <td className="number">{mean === null ? '–' : lossDigits(mean)}</td>
              <td className="number">{lowest === null ? '–' : lossDigits(lowest)}</td>
            </tr>
          )),
        )}
      </NumberTable>
    </section>
  );
}
