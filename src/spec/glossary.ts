/**
 * Plain explanations of the terms of training: the one source of the wizard's `?`, of `visiontrain explain` and of
 * docs/glossary.md. They are written for someone who makes images, not for someone who builds models.
 */
import { nearest } from '../base/nearest.ts';
import { beyondTerms } from './terms/beyond.ts';
import { imageTerms } from './terms/images.ts';
import { modelTerms } from './terms/model.ts';
import { resultTerms } from './terms/result.ts';
import type { Term } from './terms/term.ts';
import { trainingTerms } from './terms/training.ts';

export type { Term };

/** The groups of the glossary, in the order of its page. */
const groups: readonly Term['group'][] = [
  'What you make',
  'Your pictures',
  'The base model',
  'Training',
  'Looking at the result',
  'The machine',
];

export const glossary: readonly Term[] = groups.flatMap((group) =>
  [...resultTerms, ...imageTerms, ...modelTerms, ...trainingTerms, ...beyondTerms].filter(
    (term) => term.group === group,
  ),
);

const keyOf = (text: string) =>
  text
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ')
    .trim();

/** Finds the entry of a term, of one of its other names, or of a key of run.yaml. */
export function findTerm(wanted: string): Term | undefined {
  const key = keyOf(wanted);
  return (
    glossary.find(({ term }) => keyOf(term) === key) ??
    glossary.find(({ also }) => also?.some((other) => keyOf(other) === key)) ??
    glossary.find(({ keys }) => keys?.some((k) => keyOf(k) === key || keyOf(k.split('.')[1] ?? '') === key))
  );
}

/** The known term nearest to the typed word. */
export function nearestTerm(wanted: string): string | undefined {
  return nearest(
    keyOf(wanted),
    glossary.flatMap(({ term, also }) => [term.toLowerCase(), ...(also ?? [])]),
  );
}

/** What `?` shows: each entry as one paragraph. Terms without an entry are left out. */
export function helpFor(terms: readonly string[]): readonly string[] {
  return terms.flatMap((wanted) => {
    const found = findTerm(wanted);
    return found === undefined ? [] : [`${found.term}: ${found.text}`];
  });
}

/** The page docs/glossary.md. */
export function glossaryPage(): string {
  const sections = groups.map((group) => {
    const entries = glossary
      .filter((entry) => entry.group === group)
      .map(({ term, text, keys }) => {
        const settings = keys === undefined ? '' : `\n\nSettings: ${keys.map((key) => `\`${key}\``).join(', ')}`;
        return `### ${term}\n\n${text}${settings}\n`;
      });
    return `## ${group}\n\n${entries.join('\n')}`;
  });
  return `# Glossary\n\nThe words of training, in plain language. The same text is behind \`?\` in the wizard and \`visiontrain explain TERM\`.\n\n${sections.join('\n')}`;
}
