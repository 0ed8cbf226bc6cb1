/** Shows the captions of a data set on a screen of their own, on which they are edited one image after the other. */
import { useInput, usePaste } from 'ink';
import { useEffect, useRef, useState } from 'react';
import type { Capabilities } from '../../../terminal/capabilities.ts';
import { type Screen, show } from '../../../terminal/screen.tsx';
import type { Size } from '../../../terminal/size.ts';
import { styleFor } from '../../../terminal/style.ts';
import { DashboardFrame } from '../dashboard.tsx';
import { frameSize } from '../screen.tsx';
import {
  type CaptionSet,
  type CaptionUi,
  captionOfEntry,
  changedCaptions,
  initialCaptionUi,
  type KeyPress,
  pressCaption,
} from './caption-press.ts';
import { CaptionScreen } from './caption-screen.tsx';

export interface CaptionDashboardInput {
  readonly set: CaptionSet;
  readonly can: Capabilities;
  /** Path of the preview of an image, whether it exists or not. */
  readonly preview: (at: number) => string;
  /**
   * Makes previews, and calls back after each.
   * @returns why some cannot be made; undefined when all are there
   */
  readonly makePreviews: (onPreview: () => void) => Promise<string | undefined>;
  /** Stores the caption of an image at once, so that nothing is lost however the screen ends. */
  readonly keep: (at: number, caption: string) => void;
}

/**
 * Shows the screen until the person leaves.
 * @returns the changed captions, by the index of their image
 */
export async function captionDashboard(input: CaptionDashboardInput): Promise<ReadonlyMap<number, string>> {
  let last = initialCaptionUi;
  const onChange = (ui: CaptionUi) => {
    last = ui;
  };
  await show((size, screen) => <Stage {...{ input, size, screen, onChange }} />);
  return changedCaptions(last, input.set);
}

interface StageProps {
  readonly input: CaptionDashboardInput;
  readonly size: Size;
  readonly screen: Screen;
  readonly onChange: (ui: CaptionUi) => void;
}

function Stage({ input, size, screen, onChange }: StageProps) {
  const { set, can, preview, makePreviews, keep } = input;
  const [ui, setUi] = useState(initialCaptionUi);
  const [made, setMade] = useState(0);
  const [unseen, setUnseen] = useState<string>();
  // Keys that arrive together are handled before the next frame, each on the state that the one before made.
  const now = useRef(ui);
  useEffect(() => {
    makePreviews(() => setMade((count) => count + 1)).then(setUnseen, () => undefined);
  }, [makePreviews]);
  const press = (pressed: KeyPress) => {
    const before = now.current;
    const next = pressCaption(before, pressed, set);
    if (next === 'leave') {
      screen.leave();
      return;
    }
    now.current = next;
    onChange(next);
    for (const [at, entry] of next.edits) if (before.edits.get(at) !== entry) keep(at, captionOfEntry(entry));
    setUi(next);
  };
  useInput((text, key) => {
    if (key.ctrl) {
      if (text === 'z') screen.suspend();
      else if (text === 'c' || text === 'u') press({ key: `ctrl-${text}` });
      else if (text === 'a') press({ key: 'home' });
      else if (text === 'e') press({ key: 'end' });
      return;
    }
    const named = NAMED.find(([flag]) => key[flag]);
    if (named !== undefined) press({ key: named[1] });
    else typeText(text, press, () => now.current.asking !== undefined);
  });
  usePaste((text) => {
    if (now.current.asking !== undefined) press({ text });
  });
  const room = { set, ui, preview, unseen, made, size: frameSize(size), colour: can.colour, style: styleFor(can) };
  return (
    <DashboardFrame size={size}>
      <CaptionScreen {...room} />
    </DashboardFrame>
  );
}

/**
 * Handles keys that are typed fast, or over a slow link, and arrive together as one text. The text is inserted as it
 * is; only a line end after it is the key Enter, since other line ends come from pasted text.
 */
function typeText(text: string, press: (pressed: KeyPress) => void, isAsking: () => boolean): void {
  const [, words = '', end = ''] = /^([\s\S]*?)([\r\n]?)$/u.exec(text) ?? [];
  let rest = words;
  while (rest !== '' && !isAsking()) {
    const sign = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    rest = rest.slice(sign.length);
    press(sign === '\r' || sign === '\n' ? { key: 'enter' } : { text: sign });
  }
  if (rest !== '') press({ text: rest });
  if (end !== '') press({ key: 'enter' });
}

const NAMED = [
  ['return', 'enter'],
  ['escape', 'escape'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['tab', 'tab'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
  ['home', 'home'],
  ['end', 'end'],
] as const;
