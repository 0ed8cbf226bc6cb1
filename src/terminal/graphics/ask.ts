/** Asks the terminal whether it shows images, while nobody else reads stdin. */
import { type Graphics, graphicsOf, isWhole, question, typed } from './answers.ts';

/** Milliseconds after which a terminal counts as one that does not answer. Answers may travel over SSH. */
const PATIENCE_MS = 700;

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
    const timer = setTimeout(end, patience ?? PATIENCE_MS);
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
  const read = stdin.read.bind(stdin);
  let held = '';
  stdin.read = ((size?: number): unknown => {
    const part: unknown = read(size);
    if (part === null) return part;
    const found = typed(held + String(part));
    // A lone escape is a key, and must not be held back until the next input.
    held = found.begun === '\u001b' ? '' : found.begun;
    const keys = found.begun === '\u001b' ? found.keys + found.begun : found.keys;
    return typeof part === 'string' ? keys : Buffer.from(keys);
  }) as Stdin['read'];
}
