/** Asks the terminal whether it shows images, while nobody else reads stdin. */
import {
  CELL_QUESTION,
  type Graphics,
  graphicsOf,
  isWhole,
  question,
  type Typed,
  typed,
  typedAndCell,
} from './answers.ts';

/** Milliseconds after which a terminal counts as one that does not answer. Answers may travel over SSH. */
const PATIENCE_MS = 700;

/**
 * Calls back when the patience is over, and what has come meanwhile was read: drawing half blocks may take longer than the
 * patience, and an answer waits then.
 */
const whenOver = (patience: number | undefined, end: () => void): NodeJS.Timeout =>
  setTimeout(() => setImmediate(end), patience ?? PATIENCE_MS);

type Stdin = Pick<NodeJS.ReadStream, 'read' | 'on' | 'off' | 'unshift'>;

export interface AskInput {
  /** Must be in raw mode: otherwise the kernel would hold answers back, and echo them. */
  readonly stdin: Stdin;
  readonly write: (text: string) => void;
  /** Cells of the terminal. */
  readonly size: { readonly columns: number; readonly rows: number };
  /** Whether the program runs inside tmux or screen. */
  readonly inside: boolean;
  readonly patience?: number;
}

/**
 * The protocol of the terminal; undefined when it shows no images. Keys that were pressed meanwhile stay in stdin for
 * the next reader.
 */
export async function askGraphics({ stdin, write, size, inside, patience }: AskInput): Promise<Graphics | undefined> {
  let text = '';
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stdin.off('readable', take);
      resolve();
    };
    const take = () => {
      for (let part = stdin.read(); part !== null; part = stdin.read()) text += String(part);
      if (isWhole(text)) end();
    };
    const timer = whenOver(patience, end);
    stdin.on('readable', take);
    write(question(inside));
  });
  const { keys, begun } = typed(text);
  const isLate = !isWhole(text);
  if (isLate) dropAnswers(stdin);
  if (keys + begun !== '') stdin.unshift(Buffer.from(keys + begun));
  return isLate ? undefined : graphicsOf(text, size);
}

/** Removes answers that come late from the input, since they are no keys. */
function dropAnswers(stdin: Stdin): void {
  filterInput(stdin, typed, () => {});
}

/**
 * Takes answers out of what others read from stdin.
 * @returns ends this; an answer that has begun is then read as keys
 */
function filterInput(stdin: Stdin, divide: (text: string) => Typed, take: (answers: string) => void): () => void {
  const before = stdin.read;
  const read = before.bind(stdin);
  let held = '';
  stdin.read = ((size?: number): unknown => {
    const part: unknown = read(size);
    if (part === null) return part;
    const found = divide(held + String(part));
    // A lone escape is a key, and must not be held back until the next input.
    held = found.begun === '\u001b' ? '' : found.begun;
    const keys = found.begun === '\u001b' ? found.keys + found.begun : found.keys;
    if (found.answers !== '') take(found.answers);
    return typeof part === 'string' ? keys : Buffer.from(keys);
  }) as Stdin['read'];
  return () => {
    stdin.read = before;
    if (held !== '') stdin.unshift(Buffer.from(held));
  };
}

export interface CellWatchInput extends Pick<AskInput, 'write' | 'patience'> {
  readonly stdin: Stdin & { readonly isRaw?: boolean };
  /** Gets all answers of one question. */
  readonly answered: (text: string) => void;
}

/** Asks again how large a cell is, while others read keys from stdin: a person may zoom at any time. */
export class CellWatch {
  readonly #input: CellWatchInput;
  #end: (() => void) | undefined;
  #again = false;

  constructor(input: CellWatchInput) {
    this.#input = input;
  }

  ask(): void {
    const { stdin, write, answered, patience } = this.#input;
    // Outside raw mode, where the terminal is the shell's, the answer would be echoed.
    if (stdin.isRaw !== true) return;
    this.#again = this.#end !== undefined;
    if (this.#again) return;
    let text = '';
    const undo = filterInput(stdin, typedAndCell, (answers) => {
      text += answers;
      if (isWhole(text)) over();
    });
    const end = () => {
      clearTimeout(timer);
      undo();
    };
    const over = () => {
      // The answer may have come after the patience was over, and another question may have been asked since.
      if (this.#end !== end) return;
      this.end();
      if (isWhole(text)) answered(text);
      if (this.#again) this.ask();
    };
    const timer = whenOver(patience, over);
    this.#end = end;
    write(CELL_QUESTION);
  }

  /** No longer takes answers. */
  end(): void {
    this.#end?.();
    this.#end = undefined;
  }
}
