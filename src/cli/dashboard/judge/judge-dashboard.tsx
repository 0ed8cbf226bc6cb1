/** Shows a judgement on a screen of its own, as its table grows, until the person leaves. */
import { useInput } from 'ink';
import { useEffect, useState } from 'react';
import { isJudging, readJudgement } from '../../../engine/judge/judgement.ts';
import type { Judgement } from '../../../engine/judge/schema.ts';
import type { Capabilities } from '../../../terminal/capabilities.ts';
import { type Screen, show } from '../../../terminal/screen.tsx';
import type { Size } from '../../../terminal/size.ts';
import { styleFor } from '../../../terminal/style.ts';
import { DashboardFrame } from '../dashboard.tsx';
import { frameSize } from '../screen.tsx';
import { initialJudgeUi, pressJudge } from './judge-press.ts';
import { JudgeScreen, placedImages } from './judge-screen.tsx';

/** Milliseconds between two reads of the table, which gets a new row every few minutes. */
const LOOK_MS = 1000;

export interface JudgeDashboardInput {
  readonly runDir: string;
  readonly name: string;
  readonly can: Capabilities;
  /** The first state of the judgement, which is read again while it is being made. */
  readonly judgement: Judgement;
}

export async function judgeDashboard(input: JudgeDashboardInput): Promise<void> {
  await show((size, screen) => <Stage input={input} size={size} screen={screen} />, { images: input.can });
}

interface StageProps {
  readonly input: JudgeDashboardInput;
  readonly size: Size;
  readonly screen: Screen;
}

function Stage({ input, size, screen }: StageProps) {
  const { runDir, name, can } = input;
  const [judgement, setJudgement] = useState(input.judgement);
  const [ui, setUi] = useState({ ...initialJudgeUi, row: adviceRow(input.judgement) });
  const goesOn = isJudging(runDir, judgement);
  useEffect(() => {
    const look = () => setJudgement((before) => newer(before, readJudgement(runDir)));
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, [runDir]);
  const press = (key: string) => {
    const samples = judgement.request.prompts.length * judgement.request.seeds.length;
    const pressed = pressJudge(ui, key, { rows: judgement.rows.length, samples });
    if (pressed === 'leave') screen.leave();
    else setUi(pressed);
  };
  useInput((input, key) => {
    if (key.ctrl) {
      if (input === 'c') press('ctrl-c');
      if (input === 'z') screen.suspend();
    } else if (key.return) press('enter');
    else if (key.escape) press('escape');
    else if (key.leftArrow) press('left');
    else if (key.rightArrow) press('right');
    else if (key.upArrow) press('up');
    else if (key.downArrow) press('down');
    else press(input.at(-1) ?? '');
  });
  const { images } = screen;
  const shown = {
    judgement,
    goesOn,
    ui,
    name,
    runDir,
    size: frameSize(size),
    colour: can.colour,
    style: styleFor(can),
  };
  const room = { ...shown, real: images !== undefined };
  useEffect(() => images?.put(placedImages(room)));
  return (
    <DashboardFrame size={size}>
      <JudgeScreen {...room} />
    </DashboardFrame>
  );
}

/** The newer judgement; the same object when nothing changed, so that nothing is drawn again. */
function newer(before: Judgement, found: Judgement | undefined): Judgement {
  if (found === undefined) return before;
  return found.rows.length === before.rows.length && found.status === before.status ? before : found;
}

/** Index of the advised row, else of the newest. */
function adviceRow({ rows, advice }: Judgement): number {
  const at = rows.findIndex(({ step, strength }) => step === advice?.step && strength === advice.strength);
  return at >= 0 ? at : Math.max(0, rows.length - 1);
}
