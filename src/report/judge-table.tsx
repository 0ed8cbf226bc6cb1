/** The table of `judge`: each checkpoint beside the base model, and the advice. */
import type { JudgedRow, RunReport, Scored } from '../engine/report/types.ts';

export function JudgeTable({ report: { judgement } }: { readonly report: RunReport }) {
  if (judgement === null) return null;
  const { rows, advice, measure } = judgement;
  return (
    <section id="judged" aria-labelledby="judged-title">
      <h2 id="judged-title">Which checkpoint</h2>
      {advice === null ? (
        <p className="quiet">The table is not whole yet: `visiontrain judge` goes on with it.</p>
      ) : (
        advice.lines.map((line, i) => (
          <p key={line} className={i === 0 ? undefined : 'quiet'}>
            {line}
          </p>
        ))
      )}
      <div className="scrolls">
        <table>
          <thead>
            <tr>
              <JudgedHead />
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.step} ${row.strength}`} className={isAdvised(row, advice) ? 'advised' : undefined}>
                <th scope="row">
                  {rowName(row)}
                  {isAdvised(row, advice) ? ' ✓' : ''}
                </th>
                <JudgedCells row={row} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="quiet">{`Samples were compared by ${measure}; ± is the error over prompts and seeds.`}</p>
    </section>
  );
}

/** Heads of the columns of `JudgedCells`, after the one for the checkpoint. */
export function JudgedHead() {
  return (
    <>
      {HEAD.map(({ text, means }, i) => (
        <th key={text} scope="col" title={means} className={i === 0 ? undefined : 'number'}>
          {text}
        </th>
      ))}
    </>
  );
}

/** The figures of one row. */
export function JudgedCells({ row }: { readonly row: JudgedRow }) {
  return (
    <>
      <td className="number">{row.validation === null ? '–' : row.validation.loss.toFixed(4)}</td>
      <td className="number">{scored(row.likeness)}</td>
      <td className="number">{scored(row.bleeding)}</td>
      <td className="number">{scored(row.diversity)}</td>
      <td className="number" title={row.copies?.nearest}>
        {row.copies === null ? '–' : `${row.copies.copied} of ${row.copies.samples}`}
      </td>
    </>
  );
}

const HEAD = [
  { text: 'Checkpoint', means: 'and the strength that its LoRA was used with' },
  { text: 'Loss', means: 'on pictures kept out of training' },
  { text: 'Likeness', means: 'of samples to pictures kept out of training, 0 to 1: more is better' },
  { text: 'Bleeding', means: "how far samples without the trigger lie from the base model's own: less is better" },
  { text: 'Diversity', means: 'how far samples of one prompt lie apart over seeds: more is better' },
  { text: 'Copies', means: 'samples nearer to one training picture than such are to each other: fewer is better' },
];

type Advice = NonNullable<RunReport['judgement']>['advice'];

const isAdvised = (row: JudgedRow, advice: Advice): boolean =>
  advice !== null && advice.step === row.step && advice.strength === row.strength;

export const rowName = ({ step, strength }: JudgedRow): string =>
  step === 0 ? 'base model' : `step ${step} × ${strength}`;

const scored = (score: Scored | null) =>
  score === null ? '–' : `${score.value.toFixed(3)}${score.stderr === 0 ? '' : ` ± ${score.stderr.toFixed(3)}`}`;
