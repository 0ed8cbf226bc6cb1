/** Interprets the end of a run with several processes: which of them failed first, and why. */
import { constants } from 'node:os';
import { join } from 'node:path';
import { isErrorId } from '../../base/error-catalogue.ts';
import { lastLogLines } from '../../base/files/log-lines.ts';
import { neutralise } from '../../base/text.ts';
import type { RunState } from '../events/run-state.ts';
import type { Plan } from '../plan/schema.ts';
import { readFailures } from '../run-folder/failures.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { TrainerEnd } from './trainer-process.ts';

const LOST = 'training/lost-process';

export interface EndOfAll {
  readonly end: TrainerEnd;
  readonly state: RunState;
}

/**
 * The end of the launcher, in the form of the end of a single trainer. The launcher's exit code says only that some
 * process failed. So the result of the first process is used; if that says only that another process was lost, the
 * other one's failure is used.
 */
export function endOfSeveral(dir: string, { resources }: Plan, { end, state }: EndOfAll): EndOfAll {
  if (resources.processes === 1) return { end, state };
  const { result } = state;
  if (result !== undefined && result.id !== LOST) return { end: { ...end, code: result.code, signal: null }, state };
  // A process that lost contact with another one is not the cause of the failure.
  const cause = readFailures(dir).find(({ id }) => id !== LOST);
  if (cause !== undefined) {
    const { rank, id, reason, ...rest } = cause;
    const failure = {
      ...rest,
      status: 'failed' as const,
      id: isErrorId(id) ? id : ('training/failed' as const),
      step: state.step,
      reason: `${nameOf(rank, resources)}: ${reason}`,
    };
    return { end: { ...end, code: cause.code, signal: null }, state: { ...state, result: failure } };
  }
  if (result === undefined) return { end, state };
  const details = [...(result.details ?? []), ...endings(dir, resources)];
  return { end: { ...end, code: result.code, signal: null }, state: { ...state, result: { ...result, details } } };
}

/** Name of a process in messages: `Process 1 of 2 (cuda:3)`. */
function nameOf(rank: number, { processes, cards, nodes }: Plan['resources']): string {
  const each = processes / nodes;
  const card = cards[rank % each];
  const where = [
    ...(nodes === 1 ? [] : [`machine ${Math.floor(rank / each)}`]),
    ...(card === undefined ? [] : [`cuda:${card}`]),
  ];
  return `Process ${rank} of ${processes}${where.length === 0 ? '' : ` (${where.join(', ')})`}`;
}

/** Sentences about the processes in the launcher's log: `Process 1 of 2 ended by SIGKILL.`, one for each. */
function endings(dir: string, resources: Plan['resources']): string[] {
  const text = lastLogLines(join(dir, RUN_FILES.log), 80).join('\n');
  const found = [...text.matchAll(/rank\s*:\s*(\d+) \(local_rank: \d+\)\s*\n\s*exitcode\s*:\s*(-?\d+)/gu)];
  return found.map(([, rank, code]) => {
    const number = Number(code);
    const signal = Object.entries(constants.signals).find(([, value]) => value === -number)?.[0];
    const how = number < 0 ? `was ended by ${signal ?? `signal ${-number}`}` : `ended with code ${number}`;
    return neutralise(`${nameOf(Number(rank), resources)} ${how}.`);
  });
}
