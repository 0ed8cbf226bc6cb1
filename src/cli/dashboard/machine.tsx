import { formatBytes, formatDuration, neutralise } from '../../base/text.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import type { Style } from '../../terminal/style.ts';
import { Words } from './words.tsx';

/** Seconds without any event after which the panel mentions it. */
const SILENCE = 60;

export interface MachineProps {
  readonly state: RunState;
  /** Seconds since 1970. */
  readonly now: number;
  readonly style: Style;
}

/** The memory of one process, or when several train, of each of them in the order of the cards. */
function memoryWords(latest: RunState['latest'], most: string): string | undefined {
  if (latest?.memories !== undefined) return `${latest.memories.map(formatBytes).join(' + ')} memory`;
  return latest?.memory === undefined ? undefined : `${formatBytes(latest.memory)} memory${most}`;
}

/** Device and memory, and how long no event has come. */
export function MachinePanel({ state, now, style }: MachineProps) {
  const { active, latest, peakMemory, lastEventAt } = state;
  const silent = lastEventAt === undefined ? 0 : now - lastEventAt;
  if (silent > SILENCE) {
    const why = 'compiling, a very slow step, or stuck (l shows the log).';
    return <Words line={style.warn(`Nothing heard for ${formatDuration(silent)}: ${why}`)} style={style} />;
  }
  const together = typeof active.processes === 'number' && active.processes > 1 ? ` ×${active.processes}` : '';
  const device = typeof active.device === 'string' ? neutralise(active.device) + together : undefined;
  const precision = typeof active.precision === 'string' ? neutralise(active.precision) : undefined;
  const most = peakMemory === undefined ? '' : `, ${formatBytes(peakMemory)} at most`;
  const memory = memoryWords(latest, most);
  return <Words line={style.dim([device, precision, memory].filter(Boolean).join('  '))} style={style} />;
}
