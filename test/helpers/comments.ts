export interface Comment {
  /** Line on which the comment begins, counted from 1. */
  readonly line: number;
  /** The first paragraph on one line, without the marks of the comment. */
  readonly text: string;
}

const FIRST = /^\s*\/\*\*?/u;

/** The comments of a source that begin a line; comments behind code are left out. */
export function commentsOf(source: string): readonly Comment[] {
  const lines = source.split('\n');
  const found: Comment[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const isBlock = FIRST.test(lines[at] ?? '');
    if (!isBlock && !/^\s*\/\//u.test(lines[at] ?? '')) continue;
    let end = at;
    if (isBlock) while (end < lines.length && !lines[end]?.includes('*/')) end += 1;
    else while (/^\s*\/\//u.test(lines[end + 1] ?? '')) end += 1;
    found.push({ line: at + 1, text: firstParagraph(lines.slice(at, end + 1)) });
    at = end;
  }
  return found;
}

function firstParagraph(lines: readonly string[]): string {
  const plain = lines.map((line) =>
    line
      .replace(FIRST, '')
      .replace(/\*\/.*$/u, '')
      .replace(/^\s*(?:\/\/|\*)?/u, '')
      .trim(),
  );
  const from = plain.findIndex((line) => line !== '');
  const rest = plain.slice(Math.max(0, from));
  const end = rest.findIndex((line, i) => i > 0 && (line === '' || /^(?:@|- )/u.test(line)));
  return rest.slice(0, end < 0 ? rest.length : end).join(' ');
}

/** Beginnings after which a reader has to guess what the sentence is about. */
const RIDDLES = /^(?:Of|Whose|That which|Not while|Elsewhere|By itself|Those of|That of)\b/u;
/** Names that are written with a small letter at the beginning of a sentence too; so are names of files and functions. */
const SMALL =
  /^(?:alpha|commander|cosmiconfig|diffusers|glibc|npm|ntfy|numpy|pip|sbatch|tmux|torch|undici|uv|zod|zsh)\b|^\S*[a-z][._(/-]\S/u;
/** Words for tools and separators, which are no sentences. */
const NO_SENTENCE = /^(?:@|biome-ignore|--|https?:)/u;

/** What is wrong with the form of a comment; undefined when nothing is. A comment of up to three words is a label. */
export function flawOf(text: string): string | undefined {
  if (NO_SENTENCE.test(text)) return undefined;
  if (RIDDLES.test(text)) return 'begins like a riddle';
  if (text.split(' ').length <= 3) return undefined;
  if (/^[a-z]/u.test(text) && !SMALL.test(text)) return 'does not begin with a capital letter';
  return /[.:?!)…]$/u.test(text.replace(/ biome-ignore .*$/u, '')) ? undefined : 'does not end with a full stop';
}
