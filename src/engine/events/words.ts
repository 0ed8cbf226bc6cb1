/** The words that people read for values of events. */
import type { PhaseName } from './reducer.ts';

/** Answers to "Did it learn?". */
export const verdictWords = { learnt: 'yes', nothing: 'no', unknown: 'cannot be told' } as const;

/** Steps of a run: as the title of a row, and as what is being done. */
export const phaseWords = {
  environment: { title: 'Python environment', doing: 'setting up Python (once)' },
  download: { title: 'Base model', doing: 'fetching the model' },
  captions: { title: 'Writing captions', doing: 'writing captions' },
  load: { title: 'Loading the model', doing: 'loading the model' },
  cache: { title: 'Pictures and captions', doing: 'encoding pictures and captions' },
  train: { title: 'Training', doing: 'training' },
  export: { title: 'LoRA file', doing: 'writing the LoRA' },
} as const satisfies Readonly<Record<PhaseName, { readonly title: string; readonly doing: string }>>;
