/**
 * Verdict on one check. `good` needs nothing; `warn` works, but less well or not for everything; `bad` prevents
 * training.
 */
export type Verdict = 'good' | 'warn' | 'bad';

/** One line of the doctor's page. */
export interface HealthFinding {
  /** Name for programs, which never changes. */
  readonly id: string;
  /** Subject of the check, in one or two words. */
  readonly title: string;
  readonly verdict: Verdict;
  readonly text: string;
  /** What to type, or to do, to mend it. */
  readonly cure: readonly string[];
}

type Maker = (id: string, title: string, text: string, ...cure: readonly string[]) => HealthFinding;

const maker =
  (verdict: Verdict): Maker =>
  (id, title, text, ...cure) => ({ id, title, verdict, text, cure });

export const good: Maker = maker('good');
export const warn: Maker = maker('warn');
export const bad: Maker = maker('bad');

export const worst = (findings: readonly HealthFinding[]): Verdict =>
  findings.some(({ verdict }) => verdict === 'bad')
    ? 'bad'
    : findings.some(({ verdict }) => verdict === 'warn')
      ? 'warn'
      : 'good';
