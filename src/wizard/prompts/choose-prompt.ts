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
  const [active, setActive] = useState(
    Math.max(
      0,
      choices.findIndex((choice) => choice.value === initial),
    ),
  );
  const [help, setHelp] = useState(false);
  const [error, setError] = useState<string | undefined>(undefined);
  const [over, setOver] = useState<Reply | undefined>(undefined);
  const leave = (reply: Reply) => {
    setOver(reply);
    done(reply);
  };

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

  const cells = frame.columns - 1;
  const lines = Math.min(4, Math.max(1, ...items.map((item) => wrap(aboutOf(item, frame), cells).length)));
  const texts = columns(items.map((item) => item.cells.map((cell) => spell(neutralise(cell), style))));
  const pageSize = Math.max(3, frame.rows - lines - 5 - (help ? Math.min(frame.help.length * 3, frame.rows - 12) : 0));
  const rows: Line[] = [];
  // Inquirer decides which rows are visible. It gets only row numbers, never texts.
  const page = usePagination({
    items,
    active,
    pageSize,
    loop: false,
    renderItem: ({ item, index, isActive }) => {
      const text = truncate(texts[index] ?? '', cells - 2, style.glyph.ellipsis);
      const row = `${isActive ? style.glyph.pointer : ' '} ${text}`;
      const faint = item.disabled !== undefined || item === back;
      rows[index] = isActive ? style.accent(row) : faint ? style.dim(row) : row;
      return String(index);
    },
  });

  if (over?.kind === 'back') return { lines: [backLine(frame)] };
  if (over?.kind === 'answer') return { lines: [recordLine(frame, frame.record(over.value))] };
  const current = items[active];
  const keys = [`${style.glyph.updown} move`, 'Enter choose', ...commonKeys(frame)];
  const mark = items.length > pageSize ? `${active + 1} of ${items.length}` : '';
  const below = pane(frame, { about: current ? aboutOf(current, frame) : '', lines, error, help, keys, mark });
  // An empty line stands above the question when the screen has room for it.
  const air = items.length + lines + 4 < frame.rows ? [''] : [];
  const shown = page.split('\n').map((index) => rows[Number(index)] ?? '');
  return { lines: [...air, ...topLine(frame), ...shown, ...below], noCursor: true };
});

function aboutOf(choice: Choice, frame: PromptFrame): string {
  return choice.about ?? frame.why;
}
