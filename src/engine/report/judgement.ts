/** The judgement of a run, in the form of its report. */
import { readJudgement } from '../judge/judgement.ts';
import type { JudgeRow } from '../judge/schema.ts';
import type { JudgedRow, ReportJudgement, Scored } from './types.ts';

/** The table of judge.json; null where there is none of a known version, and before its first row. */
export function judgementOf(dir: string): ReportJudgement | null {
  const found = readJudgement(dir);
  if (found === undefined || found.rows.length === 0) return null;
  const { measure, rows, advice } = found;
  return {
    measure,
    rows: rows.map(rowOf),
    advice:
      advice === null
        ? null
        : { step: advice.step, strength: advice.strength, lines: [advice.text, advice.doubt].filter(Boolean) },
  };
}

function rowOf({ step, strength, validation, likeness, bleeding, diversity, copies }: JudgeRow): JudgedRow {
  return {
    step,
    strength,
    validation,
    likeness: scoreOf(likeness),
    bleeding: scoreOf(bleeding),
    diversity: scoreOf(diversity),
    copies: copies === null ? null : { copied: copies.copied, samples: copies.samples, nearest: copies.nearest.image },
  };
}

const scoreOf = (score: Scored | null): Scored | null =>
  score === null ? null : { value: score.value, stderr: score.stderr };
