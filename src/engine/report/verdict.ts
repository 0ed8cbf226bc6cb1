/** The answer that a person wants first: did the training work? Pure. */
import { formatDuration } from '../../base/text.ts';
import { type RunState, workedSeconds } from '../events/run-state.ts';
import { phaseWords } from '../events/words.ts';
import type { RunSummary } from '../runs/summary.ts';
import type { RunVerdict } from './types.ts';

export function verdictOf(summary: RunSummary, state: RunState): RunVerdict {
  switch (summary.state) {
    case 'finished':
      return finished(summary, state);
    case 'live':
      return live(summary, state);
    case 'stopped':
      return {
        tone: 'warn',
        title: `Stopped at step ${summary.exit?.step ?? state.step} of ${state.steps}`,
        lines: [...reasonOf(summary), `Go on with it: visiontrain resume ${summary.name}`],
      };
    case 'created':
      return { tone: 'warn', title: 'Never started', lines: [`Start it: visiontrain resume ${summary.name}`] };
    case 'died':
      return {
        tone: 'bad',
        title: `Died at step ${state.step} of ${state.steps}`,
        lines: [
          'Nobody said how it ended: it was killed from outside, or the machine went down.',
          `Go on with it: visiontrain resume ${summary.name}`,
        ],
      };
    default:
      return failed(summary, state);
  }
}

function finished(summary: RunSummary, state: RunState): RunVerdict {
  const seconds = workedSeconds(state);
  const time = seconds === undefined ? '' : ` in ${formatDuration(seconds)}`;
  const { learned } = state;
  const best =
    state.bestStep === undefined || state.bestStep === state.step
      ? []
      : [`Step ${state.bestStep} validated best: a LoRA of that step may be the better one.`];
  const reason = learned?.reason === undefined ? [] : [learned.reason];
  const steps = `${state.steps || summary.steps} steps${time}`;
  if (learned?.verdict === 'learned')
    return { tone: 'good', title: `It learned: ${steps}`, lines: [...reason, ...best] };
  if (learned?.verdict === 'nothing')
    return { tone: 'bad', title: `It learned nothing: ${steps}`, lines: [...reason, ...best] };
  return { tone: 'warn', title: `Finished: ${steps}. Whether it learned cannot be told`, lines: [...reason, ...best] };
}

function live(summary: RunSummary, state: RunState): RunVerdict {
  const phase = state.phases.at(-1)?.phase;
  const doing = phase === undefined ? 'Starting' : phaseWords[phase].doing;
  const left = summary.seconds_left === null ? [] : [`About ${formatDuration(summary.seconds_left)} left.`];
  const title = phase === 'train' ? `Training: step ${state.step} of ${state.steps}` : sentence(doing);
  return { tone: 'live', title, lines: left };
}

function failed(summary: RunSummary, state: RunState): RunVerdict {
  const nothing = state.learned?.verdict === 'nothing';
  const step = summary.exit?.step ?? state.step;
  const title = nothing ? 'It learned nothing' : step > 0 ? `Failed at step ${step}` : 'Failed before the first step';
  const why = nothing && state.learned?.reason !== undefined ? [state.learned.reason] : reasonOf(summary);
  const next = (summary.exit?.next_steps ?? []).map((line) => `Next: ${line}`);
  return { tone: 'bad', title, lines: [...why, ...(summary.problem === null ? [] : [summary.problem]), ...next] };
}

const reasonOf = ({ exit }: RunSummary): string[] => (exit === null || exit.reason === '' ? [] : [exit.reason]);

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
