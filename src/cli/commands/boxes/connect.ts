/** Connects commands to a box with our program on it. */
import { readFileSync } from 'node:fs';
import { neutralise } from '../../../base/text.ts';
import type { BoxAccess } from '../../../engine/boxes/far.ts';
import type { Box } from '../../../engine/boxes/known.ts';
import { farProgram } from '../../../engine/boxes/program.ts';
import type { BoxLine } from '../../../engine/boxes/ssh.ts';
import { progressBars } from '../../../terminal/bars.ts';
import type { Context } from '../../shell/context.ts';

export interface ConnectOptions {
  readonly signal?: AbortSignal;
  /** Number of further tries after a broken connection; the usual number when missing. */
  readonly tries?: number;
}

/** The data for a connection to a box. Nothing is connected yet. */
function lineTo(box: Box, { env, out, flags }: Context, dialling: ConnectOptions): BoxLine {
  const say = (text: string) => (flags.json ? undefined : out.wrapped(text));
  const heard = (text: string) => {
    for (const row of text.split('\n'))
      if (row.trim() !== '' && !flags.json) out.talk(`  ${neutralise(row.trimEnd())}`);
  };
  return { box, env, ...dialling, say, heard };
}

/**
 * Connects to a box.
 * @throws BoxError when the box cannot be reached or our program cannot be installed
 */
export async function connect(box: Box, context: Context, dialling: ConnectOptions = {}): Promise<BoxAccess> {
  const line = lineTo(box, context, dialling);
  return { ...(await farProgram(line)), line };
}

/** The progress of copying: a bar on a terminal, else nothing. */
export function shareBar(context: Context, name: string): { onShare?: (share: number) => void; end: () => void } {
  const bars = progressBars(context);
  if (bars === undefined) return { end: () => undefined };
  return {
    onShare: (share) => bars.set(name, Math.round(share * 1000), 1000, `${name}  ${Math.floor(share * 100)} %`),
    end: () => bars.close(),
  };
}

/** The text of a file that was read and checked earlier. */
export const textOf = (file: string): string => readFileSync(file, 'utf8');
