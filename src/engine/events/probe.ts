/** Words about the result of the trial steps before the first step. Pure. */
import { formatBytes } from '../../base/text.ts';
import type { Payload } from './schema.ts';

type Probe = Payload<'probe'>;

/**
 * Share by which the memory of a step may differ from the estimate before the person is told; the trainer has the same
 * number.
 */
export const PROBE_APART = 0.1;

/** The measured memory of a step ÷ the estimate − 1; undefined where there is no estimate. */
export const probeApart = ({ memory, counted }: Probe): number | undefined =>
  counted === undefined || counted === 0 ? undefined : memory / counted - 1;

/** One sentence about the result. It is a warning where measurement and estimate disagree. */
export function probeNote(probe: Probe): Payload<'note'> {
  const { memory, counted, seconds_per_step: seconds, images, known } = probe;
  const apart = probeApart(probe);
  const tried = known ? 'As an earlier run of this kind found, a step' : 'Two steps were tried: one';
  const many = images === 1 ? '' : `, with ${images} pictures at once,`;
  const takes = `${tried}${many} takes ${formatBytes(memory)} of the card's memory and ${stepSeconds(seconds)}.`;
  if (counted === undefined || apart === undefined || Math.abs(apart) <= PROBE_APART)
    return { level: 'info', text: takes };
  const share = `${Math.round(Math.abs(apart) * 100)} % ${apart > 0 ? 'more' : 'less'}`;
  return { level: 'warn', text: `${takes} That is ${share} than the ${formatBytes(counted)} that were counted.` };
}

const stepSeconds = (seconds: number) =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
