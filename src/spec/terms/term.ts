/** An entry of the glossary. */
export interface Term {
  readonly term: string;
  /** Other words for the term, in lower case. */
  readonly also?: readonly string[];
  readonly group:
    | 'What you make'
    | 'Your pictures'
    | 'The base model'
    | 'Training'
    | 'Looking at the result'
    | 'The machine';
  readonly text: string;
  /** Keys of run.yaml that the entry explains. */
  readonly keys?: readonly string[];
}
