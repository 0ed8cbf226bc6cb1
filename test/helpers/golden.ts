/** Tools for golden texts: an output that keeps its lines, and the end of a run as it is shown. */

import { nothingKnown } from '../../src/cli/dashboard/about.ts';
import { renderEnd } from '../../src/cli/dashboard/end.ts';
import type { Output } from '../../src/cli/shell/output.ts';
import { initialState } from '../../src/engine/events/run-state.ts';
import type { RunExit } from '../../src/engine/run-folder/layout.ts';
import { hanging } from '../../src/terminal/columns.ts';
import { styleFor } from '../../src/terminal/style.ts';
import { onTerminal } from '../../src/terminal/styled.ts';

/** An output whose lines are kept, as wide as `cells`. */
export function keptOutput(cells: number): { readonly out: Output; readonly lines: string[] } {
  const lines: string[] = [];
  const talk = (line: Parameters<Output['talk']>[0]) =>
    void lines.push(...onTerminal(line, { unicode: true }).split('\n'));
  const out = {
    width: cells,
    talkWidth: cells,
    talk,
    data: talk,
    aside: talk,
    verbatim: (text: string) => void lines.push(...text.replace(/\n$/, '').split('\n')),
    wrapped: (text: string) => void lines.push(...hanging(text, cells - 1).split('\n')),
  } as unknown as Output;
  return { out, lines };
}

/** Whether a line is to be copied whole, and so may be wider than the terminal. */
export const isCommand = (line: string): boolean => /^\s*(?:\$ |.*\bvisiontrain \w|See |export |ls )/.test(line);

/** The end of a failed run, as it is shown to a person who watches it. */
export function endLines(exit: RunExit, cells: number): string[] {
  const home = '/home/me';
  const input = { state: initialState, exit, name: 'fox', runDir: `${home}/runs/fox`, cwd: home, about: nothingKnown };
  const room = { style: styleFor({ colour: 0, unicode: true }), columns: cells, rows: 24, colour: 0 } as const;
  return renderEnd(input, room).map((line) => onTerminal(line, { unicode: true }));
}
