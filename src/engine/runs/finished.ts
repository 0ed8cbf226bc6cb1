/** Runs that must be finished before something is made of them. */
import { UsageError } from '../../base/errors.ts';
import type { RunOutput } from '../run-folder/layout.ts';
import { readExitStrictly } from '../run-folder/run-files.ts';
import type { RunSummary } from './summary.ts';

/**
 * The LoRA files of a finished run, the final one first.
 * @param lack why an unfinished one does not do
 * @throws UsageError when it is not finished, ForeignFileError when its exit.json is not ours
 */
export function finishedFiles({ name, dir, state }: RunSummary, lack: string): readonly [RunOutput, ...RunOutput[]] {
  const exit = readExitStrictly(dir);
  const [final, ...others] = exit?.outputs ?? [];
  if (exit?.status === 'finished' && state !== 'live' && final !== undefined) return [final, ...others];
  throw new UsageError(`${name} ${state === 'live' ? 'is still running' : 'is not finished'}: ${lack}.`, {
    id: 'run/not-finished',
    nextSteps: [`visiontrain ${state === 'live' ? 'attach' : 'resume'} ${name}`],
  });
}
