/** Asks the terminal whether it shows images, while nobody else reads stdin. */
import { type Graphics, graphicsOf, isWhole, question, typed } from './answers.ts';

/** Milliseconds until a terminal that has not answered is taken for one that does not. Answers travel over SSH, too. */
const PATIENCE_MS = 700;

type Stdin = Pick<NodeJS.ReadStream, 'read' | 'on' | 'off' | 'unshift'>;

export interface AskInput {
  /** In raw mode: otherwise the kernel would hold answers back, and show them. */
  readonly stdin: Stdin;
  readonly write: (text: string) => void;
  /** Cells of the terminal. */
  readonly size: { readonly columns: number; readonly rows: number };
  /** Whether tmux or screen stands between. */
  readonly inside: boolean;
  readonly patience?: number;
}

/** What the terminal shows; undefined for no images. Keys that were pressed meanwhile are read by whoever comes next. */
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

/** From now on answers that come late are taken out of what is read: they are no keys. */
function dropAnswers(stdin: Stdin): void {
  const read = stdin.read.bind(stdin);
  let held = '';
  stdin.read = ((size?: number): unknown => {
    const part: unknown = read(size);
    if (part === null) return part;
    const found = typed(held + String(part));
    // An escape alone is a key, and is not held back until another one follows.
    held = found.begun === '\u001b' ? '' : found.begun;
    const keys = found.begun === '\u001b' ? found.keys + found.begun : found.keys;
    return typeof part === 'string' ? keys : Buffer.from(keys);
  }) as Stdin['read'];
}
