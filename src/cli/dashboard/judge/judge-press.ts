/** The effect of a key on the screen of a judgement. Pure. */

export interface JudgeUi {
  readonly page: 'table' | 'samples';
  /** Row of the table; row 0 is the base model. */
  readonly row: number;
  /** Index of the sample among those of a row, over all prompts and seeds. */
  readonly sample: number;
}

export const initialJudgeUi: JudgeUi = { page: 'table', row: 0, sample: 0 };

export interface JudgeRoom {
  readonly rows: number;
  readonly samples: number;
}

/**
 * The next state, or `leave`.
 * @param key one character, or enter, escape, left, right, up, down, ctrl-c
 */
export function pressJudge(ui: JudgeUi, key: string, { rows, samples }: JudgeRoom): JudgeUi | 'leave' {
  const within = (value: number, count: number) => Math.min(Math.max(0, value), Math.max(0, count - 1));
  const isTable = ui.page === 'table';
  switch (key) {
    case 'left':
      return { ...ui, row: within(ui.row - 1, rows) };
    case 'right':
      return { ...ui, row: within(ui.row + 1, rows) };
    case 'up':
      return isTable ? { ...ui, row: within(ui.row - 1, rows) } : { ...ui, sample: within(ui.sample - 1, samples) };
    case 'down':
      return isTable ? { ...ui, row: within(ui.row + 1, rows) } : { ...ui, sample: within(ui.sample + 1, samples) };
    case 'p':
    case 'enter':
      return { ...ui, page: isTable ? 'samples' : 'table' };
    case 'escape':
      return isTable ? 'leave' : { ...ui, page: 'table' };
    case 'q':
    case 'd':
    case 'ctrl-c':
      return 'leave';
    default:
      return ui;
  }
}
