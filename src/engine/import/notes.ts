/** Notes on values of another trainer that mean something slightly different here. Pure. */

const NOTES: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  'training.optimizer': [
    [/^d-?adapt/iu, 'Prodigy is what became of D-Adaptation'],
    [/^paged/iu, 'without paging, which only saves memory'],
    [/^adam(?:8bit)?$/iu, 'with decoupled weight decay'],
    [/^lion8bit$/iu, 'in 32 bits'],
  ],
  'training.schedule': [
    [/^adafactor$/iu, 'Adafactor’s own relative step is not here'],
    [/^cosineannealinglr$/iu, 'one wave over the whole run'],
  ],
};

/** The note for a value; undefined where it means the same. */
export const noteOf = (key: string, value: unknown): string | undefined =>
  NOTES[key]?.find(([pattern]) => pattern.test(String(value)))?.[1];
