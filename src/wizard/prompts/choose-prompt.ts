/** A list to choose from, with aligned columns, an explanation that follows the cursor, `?` and Esc. */
import {
  isDownKey,
  isEnterKey,
  isNumberKey,
  isUpKey,
  useKeypress,
  useMemo,
  usePagination,
  useState,
} from '@inquirer/core';
import { neutralise } from '../../base/text.ts';
import { columns, truncate, wrap } from '../../terminal/columns.ts';
import { spell } from '../../terminal/signs.ts';
import type { Line } from '../../terminal/styled.ts';
import type { Choice } from '../questions/question.ts';
import { backLine, commonKeys, type PromptFrame, pane, type Reply, recordLine, topLine } from './frame.ts';
import { screenPrompt } from './screen-prompt.ts';

interface ChooseConfig {
  readonly frame: PromptFrame;
  readonly choices: readonly Choice[];
  readonly initial: string;
}

export const choosePrompt = screenPrompt<ChooseConfig>(({ frame, choices, initial }, done) => {
  const { style } = frame;
  const back: Choice = { value: '', cells: [`${style.glyph.back} Back`], about: 'To the question before.' };
  const items = useMemo(() => (frame.canGoBack ? [...choices, back] : [...choices]), []);
  const [over, setOver] = useState<Reply | undefined>(undefined);
  const leave = (reply: Reply) => {
    setOver(reply);
    done(reply);
  };
  const { active, help, error } = useKeys(items, initial, { frame, leave });

  const cells = frame.columns - 1;
  const lines = Math.min(4, Math.max(1, ...items.map((item) => wrap(aboutOf(item, frame), cells).length)));
  const pageSize = Math.max(3, frame.rows - lines - 5 - (help ? Math.min(frame.help.length * 3, frame.rows - 12) : 0));
  const rows = useRows(items, { frame, active, pageSize });

  if (over?.kind === 'back') return { lines: [backLine(frame)] };
  if (over?.kind === 'answer') return { lines: [recordLine(frame, frame.record(over.value))] };
  const current = items[active];
  const keys = [`${style.glyph.updown} move`, 'Enter choose', ...commonKeys(frame)];
  const mark = items.length > pageSize ? `${active + 1} of ${items.length}` : '';
  const below = pane(frame, { about: current ? aboutOf(current, frame) : '', lines, error, help, keys, mark });
  // An empty line stands above the question when the screen has room for it.
  const air = items.length + lines + 4 < frame.rows ? [''] : [];
  return { lines: [...air, ...topLine(frame), ...rows, ...below], noCursor: true };
});

/** What the keys of the list change: the marked row, whether the help is open, why a row cannot be chosen. A hook. */
function useKeys(
  items: readonly Choice[],
  initial: string,
  { frame, leave }: { readonly frame: PromptFrame; readonly leave: (reply: Reply) => void },
) {
  const [active, setActive] = useState(
    Math.max(
      0,
      items.findIndex((choice) => choice.value === initial),
    ),
  );
  const [help, setHelp] = useState(false);
  const [error, setError] = useState<string | undefined>(undefined);
  useKeypress((key, rl) => {
    // Typed letters would collect in readline's own line, which determines the position of the cursor.
    rl.clearLine(0);
    setError(undefined);
    const current = items[active];
    if (key.name === 'escape' && help) setHelp(false);
    else if (key.name === 'escape' && frame.canGoBack) leave({ kind: 'back' });
    else if (isEnterKey(key) && current !== undefined) {
      if (frame.canGoBack && active === items.length - 1) leave({ kind: 'back' });
      else if (current.disabled !== undefined) setError(current.disabled);
      else leave({ kind: 'answer', value: current.value });
    } else if (isUpKey(key)) setActive((active - 1 + items.length) % items.length);
    else if (isDownKey(key)) setActive((active + 1) % items.length);
    else if (key.name === 'home') setActive(0);
    else if (key.name === 'end') setActive(items.length - 1);
    else if (isNumberKey(key) && Number(key.name) >= 1 && Number(key.name) <= items.length)
      setActive(Number(key.name) - 1);
    else if ((key as { sequence?: string }).sequence === '?' && frame.help.length > 0) setHelp(!help);
  });
  return { active, help, error };
}

interface RowsInput {
  readonly frame: PromptFrame;
  readonly active: number;
  /** Number of rows that are shown at once. */
  readonly pageSize: number;
}

/** The rows of the list that are visible. A hook. */
function useRows(items: readonly Choice[], { frame, active, pageSize }: RowsInput): readonly Line[] {
  const { style } = frame;
  const texts = columns(items.map((item) => item.cells.map((cell) => spell(neutralise(cell), style))));
  const rows: Line[] = [];
  // Inquirer decides which rows are visible. It gets only row numbers, never texts.
  const page = usePagination({
    items,
    active,
    pageSize,
    loop: false,
    renderItem: ({ item, index, isActive }) => {
      const text = truncate(texts[index] ?? '', frame.columns - 3, style.glyph.ellipsis);
      const row = `${isActive ? style.glyph.pointer : ' '} ${text}`;
      const isBack = frame.canGoBack && index === items.length - 1;
      const faint = item.disabled !== undefined || isBack;
      rows[index] = isActive ? style.accent(row) : faint ? style.dim(row) : row;
      return String(index);
    },
  });
  return page.split('\n').map((index) => rows[Number(index)] ?? '');
}

function aboutOf(choice: Choice, frame: PromptFrame): string {
  return choice.about ?? frame.why;
}
