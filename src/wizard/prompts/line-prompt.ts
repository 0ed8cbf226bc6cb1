/** A line to type. It is checked before it is accepted, and completed if the question offers completions. */
import { isDownKey, isEnterKey, isTabKey, isUpKey, useEffect, useKeypress, useRef, useState } from '@inquirer/core';
import { neutralise } from '../../base/text.ts';
import { columns, truncate } from '../../terminal/columns.ts';
import { spell } from '../../terminal/signs.ts';
import { type Line, styled } from '../../terminal/styled.ts';
import type { Suggestion } from '../questions/question.ts';
import {
  backLine,
  commonKeys,
  type LineAsk,
  type PromptFrame,
  pane,
  type Reply,
  recordLine,
  topLine,
} from './frame.ts';
import { screenPrompt } from './screen-prompt.ts';

interface LineConfig {
  readonly frame: PromptFrame;
  readonly form: LineAsk;
}

const SUGGESTIONS = 7;

export const linePrompt = screenPrompt<LineConfig>(({ frame, form }, done) => {
  const { style } = frame;
  const [over, setOver] = useState<Reply | undefined>(undefined);
  const suggestions = useSuggestions(form);
  const leave = (reply: Reply) => {
    suggestions.end();
    setOver(reply);
    done(reply);
  };
  const answer = useCheck(form, leave);
  const { value, help, active } = useKeys({ frame, form, suggestions, answer, leave, isOver: over !== undefined });
  const { found } = suggestions;

  if (over?.kind === 'back') return { lines: [backLine(frame)] };
  if (over?.kind === 'answer') return { lines: [recordLine(frame, frame.record(over.value))] };
  const shown = value === '' ? style.dim(spell(form.placeholder ?? form.initial, style)) : style.accent(value);
  const keys = [
    ...(found.length > 0 ? ['Tab complete', `${style.glyph.updown} pick`] : []),
    ...(answer.checking === undefined ? ['Enter go on', ...commonKeys(frame)] : [answer.checking, 'Esc stop']),
  ];
  const below = pane(frame, {
    about: frame.why,
    lines: 2,
    error: answer.error,
    help,
    keys: keys.map((entry) => spell(entry, style)),
  });
  return {
    lines: ['', ...topLine(frame), styled`${style.accent(style.glyph.pointer)} ${shown}`],
    below: [...list(found, active, frame), ...below],
  };
});

/** The suggestions for what is typed: `lookUp` asks for new ones, and answers to earlier questions are dropped. A hook. */
function useSuggestions(form: LineAsk) {
  const [found, setFound] = useState<readonly Suggestion[]>([]);
  const newest = useRef(0);
  const lookUp = (text: string) => {
    if (form.suggest === undefined) return;
    newest.current += 1;
    const mine = newest.current;
    form.suggest(text).then(
      (suggestions) => {
        if (mine === newest.current) setFound(suggestions);
      },
      () => setFound([]),
    );
  };
  useEffect(() => lookUp(''), []);
  const end = () => {
    newest.current += 1;
  };
  return { found, lookUp, end };
}

/** Checks an answer before it is accepted, and leaves with it; Esc stops a check that takes long. A hook. */
function useCheck(form: LineAsk, leave: (reply: Reply) => void) {
  const [error, setError] = useState<string | undefined>(undefined);
  const [checking, setChecking] = useState<string | undefined>(undefined);
  const stop = useRef<AbortController | undefined>(undefined);
  const submit = async (text: string, restore: () => void) => {
    const controller = new AbortController();
    stop.current = controller;
    setChecking('looking…');
    const problem = await form.check(text, { tell: setChecking, signal: controller.signal });
    setChecking(undefined);
    if (problem === undefined) leave({ kind: 'answer', value: text });
    else {
      restore();
      setError(problem);
    }
  };
  return { error, checking, submit, abort: () => stop.current?.abort(), forget: () => setError(undefined) };
}

interface KeysInput {
  readonly frame: PromptFrame;
  readonly form: LineAsk;
  readonly suggestions: ReturnType<typeof useSuggestions>;
  readonly answer: ReturnType<typeof useCheck>;
  readonly leave: (reply: Reply) => void;
  readonly isOver: boolean;
}

/** What the keys change: the typed text, whether the help is open, the marked suggestion (-1 for none). A hook. */
function useKeys({ frame, form, suggestions, answer, leave, isOver }: KeysInput) {
  const { found, lookUp } = suggestions;
  const [value, setValue] = useState('');
  const [help, setHelp] = useState(false);
  const [active, setActive] = useState(-1);
  const change = (text: string) => {
    setValue(text);
    setActive(-1);
    lookUp(text);
  };
  useKeypress(async (key, rl) => {
    if (answer.checking !== undefined && key.name === 'escape') answer.abort();
    if (answer.checking !== undefined || isOver) return;
    const replace = (text: string) => {
      rl.clearLine(0);
      rl.write(text);
      change(text);
    };
    answer.forget();
    if (key.name === 'escape' && help) setHelp(false);
    else if (key.name === 'escape' && frame.canGoBack) leave({ kind: 'back' });
    else if (isEnterKey(key))
      await answer.submit(found[active]?.value ?? (value || form.initial), () => rl.write(value));
    else if (isTabKey(key)) {
      const completed = found[active]?.value ?? commonStart(found.map((suggestion) => suggestion.value));
      if (completed.length > value.length) replace(completed);
      else if (found.length > 0) {
        // Readline has inserted the Tab as a character, so the line is restored.
        rl.clearLine(0);
        rl.write(value);
        setActive((active + 1) % visible(found, frame).length);
      } else replace(value || form.initial);
    } else if (isDownKey(key) && found.length > 0) setActive(Math.min(active + 1, visible(found, frame).length - 1));
    else if (isUpKey(key) && found.length > 0) setActive(Math.max(active - 1, -1));
    else if (rl.line === '?' && value === '' && frame.help.length > 0) {
      rl.clearLine(0);
      setHelp(!help);
    } else if (rl.line !== value) change(rl.line);
  });
  return { value, help, active };
}

/** As many suggestions as leave room for the question itself. */
const visible = (found: readonly Suggestion[], { rows }: Pick<PromptFrame, 'rows'>) =>
  found.slice(0, Math.max(1, Math.min(SUGGESTIONS, rows - 9)));

function list(found: readonly Suggestion[], active: number, frame: PromptFrame): Line[] {
  const { style, columns: cells } = frame;
  // One long name must not push the notes of all other names off the screen.
  const name = (value: string) => truncate(neutralise(value), Math.floor(cells / 2), style.glyph.ellipsis);
  const rows = columns(visible(found, frame).map(({ value, note }) => [name(value), spell(note, style)]));
  return rows.map((row, i) => {
    const text = truncate(row, cells - 4, style.glyph.ellipsis);
    return i === active ? style.accent(`${style.glyph.pointer} ${text}`) : styled`  ${style.dim(text)}`;
  });
}

function commonStart(texts: readonly string[]): string {
  const [first = '', ...rest] = texts;
  let length = first.length;
  for (const text of rest) while (!text.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length);
}
