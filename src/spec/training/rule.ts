/** A rule between keys of run.yaml. */

export interface Rule<Spec> {
  /** The key that the person should look at. */
  readonly key: string;
  /** An error refuses the spec; a warning is shown with the plan. */
  readonly level: 'error' | 'warning';
  /** What is wrong and what to write instead; undefined when nothing is wrong. */
  readonly check: (spec: Spec) => string | undefined;
}

export const when = (wrong: boolean, message: string) => (wrong ? message : undefined);
