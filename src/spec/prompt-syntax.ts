/**
 * Finds prompt syntax of other programs. Captions and prompts are tokenized here exactly as written, so such syntax
 * would be read as ordinary text: as tokens that mean nothing, or something else. Pure.
 */
import { plural } from '../base/text.ts';
import { readPromptLine } from './prompt-flags.ts';

interface Syntax {
  /** The name of the mark, as it is shown to a person. */
  readonly name: string;
  /** The pattern that finds the mark. Its search time must grow only linearly with the text. */
  readonly found: RegExp;
}

const syntaxes: readonly Syntax[] = [
  { name: String.raw`\( \)`, found: /\\[()[\]]/u },
  { name: '(word:1.2)', found: /\([^()]*:\s?(?:\d+(?:\.\d*)?|\.\d+)\s?\)/u },
  { name: '((word))', found: /\(\([^()]*\)\)/u },
  { name: '[[word]]', found: /\[\[[^[\]]*\]\]/u },
  { name: '<lora:…>', found: /<(?:lora|lyco|hypernet):[^<>]{0,200}>/iu },
  { name: '{a|b}', found: /\{[^{}|]*\|[^{}]*\}/u },
  { name: '|||', found: /\|\|\|/u },
  { name: 'BREAK', found: /(?<![^\s,])BREAK(?![^\s,])/u },
];

/** Options that sd-scripts accepts behind a prompt; in a caption they are words. */
const FLAG = /(?:^|\s)--(?:n|w|h|d|l|s|g|t|am|fs|ss|sr)(?:\s+|$)/u;

/** In files of prompts `#` begins a comment line. */
const COMMENT = /^\s*#\s/u;

/** Names of the marks that occur in a text. */
export function promptSyntax(text: string): readonly string[] {
  const names = syntaxes.filter(({ found }) => found.test(text)).map(({ name }) => name);
  return [...names, ...(FLAG.test(text) ? ['--n --w …'] : []), ...(COMMENT.test(text) ? ['#'] : [])];
}

/** The warning about captions written for programs that read such marks; none or one sentence. */
export function captionMarks(captions: readonly string[]): readonly string[] {
  const marked = captions.map(promptSyntax).filter((names) => names.length > 0);
  if (marked.length === 0) return [];
  const names = [...new Set(marked.flat())];
  const cure = names.includes('|||') ? '; for ||| set dataset.caption_options: {keep_separator: "|||"}' : '';
  return [
    `${plural(marked.length, 'caption')} with marks of other programs (${names.join(', ')}): they are read as words, so take them out${cure}`,
  ];
}

/** Why the sample prompt would not be drawn as its author means; undefined when nothing is wrong. */
export function promptProblem(prompt: string): string | undefined {
  if (COMMENT.test(prompt)) return 'is a comment: remove the line';
  const { problems } = readPromptLine(prompt);
  return problems.length === 0 ? undefined : problems.join('; ');
}
