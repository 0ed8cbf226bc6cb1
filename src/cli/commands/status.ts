import { EXIT } from '../../base/errors.ts';
import { ForeignFileError } from '../../base/files/regular-file.ts';
import { formatBytes, formatDuration } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';
import { formatWhen } from '../../base/when.ts';
import { byHeartWords, neverWords } from '../../engine/events/image-losses.ts';
import { secondsPerStep } from '../../engine/events/pace.ts';
import { currentPhase, initialState, type RunState } from '../../engine/events/run-state.ts';
import { readState } from '../../engine/events/state.ts';
import { levelWords, validationWords, verdictWords } from '../../engine/events/words.ts';
import { isJudging, readJudgement } from '../../engine/judge/judgement.ts';
import { readWaiting, whenJudged } from '../../engine/judge/wait.ts';
import { findRun } from '../../engine/runs/find.ts';
import type { RunSummary } from '../../engine/runs/summary.ts';
import type { CommandRun } from '../shell/context.ts';

/** Shows the progress of a run or, when it is over, how it ended. */
export const run: CommandRun = async ([query = ''], _options, { out, places, flags }) => {
  const summary = findRun(query, places.runs);
  const state = summary.state === 'unreadable' ? initialState : readState(summary.dir);
  if (flags.json) out.json(document(summary, state));
  else for (const [label, text] of lines(summary, state)) out.data(`${label.padEnd(11)}${text}`);
  return EXIT.ok;
};

function document(summary: RunSummary, state: RunState): Record<string, unknown> {
  const phase = currentPhase(state);
  const each = secondsPerStep(state.pace);
  return {
    ...summary,
    progress:
      phase === undefined
        ? []
        : Object.values(phase.items).map(({ item, unit, done, total }) => ({ item, unit, done, total })),
    epoch: state.latest?.epoch ?? null,
    loss: state.smoothedLoss ?? null,
    learning_rate: state.latest?.lr_used ?? state.latest?.lr ?? null,
    seconds_per_step: each ?? null,
    images_per_second: state.latest?.images_per_second ?? null,
    peak_memory_bytes: state.peakMemory ?? null,
    validation: state.latestValidation === undefined ? null : validationDocument(state.latestValidation),
    checkpoints: state.checkpoints.map(({ step, path, bytes }) => ({ step, path, bytes })),
    saved: state.saved.map(({ step, epoch, path, bytes, sha256, best }) => ({
      step,
      epoch,
      path,
      bytes,
      sha256,
      best: best === true,
    })),
    best_step: state.bestStep ?? null,
    learned: state.learned?.verdict ?? null,
    probe: state.probe === undefined ? null : probeDocument(state.probe),
    image_losses: state.imageLosses === undefined ? null : imageLossesDocument(state.imageLosses),
    last_event_at: state.lastEventAt ?? null,
  };
}

function validationDocument({ step, loss, stderr, ...rest }: NonNullable<RunState['latestValidation']>) {
  const levels = (rest.levels ?? []).map((level) => ({ timestep: level.timestep, loss: level.loss }));
  const { since_start: start, since_lowest: lowest, other } = rest;
  return {
    step,
    loss,
    stderr,
    levels,
    since_start: start === undefined ? null : { change: start.change, stderr: start.stderr },
    since_lowest: lowest === undefined ? null : { step: lowest.step, change: lowest.change, stderr: lowest.stderr },
    other: other === undefined ? null : { weights: other.weights, loss: other.loss, stderr: other.stderr },
  };
}

function probeDocument(probe: NonNullable<RunState['probe']>) {
  const { memory, counted, seconds_per_step, images, known } = probe;
  return { memory_bytes: memory, counted_bytes: counted ?? null, seconds_per_step, images, known };
}

function imageLossesDocument(found: NonNullable<RunState['imageLosses']>) {
  const { path, images, of, never, never_count, by_heart, by_heart_count, compared_with } = found;
  return { path, images, of, never, never_count, by_heart, by_heart_count, compared_with };
}

const phaseText = ({ phase, supervised }: RunSummary): string =>
  `${phase === 'train' ? 'training' : (phase ?? 'starting')}${supervised ? '' : ' (alone: its supervisor is gone)'}`;

function learnedText({ verdict, reason }: NonNullable<RunState['learned']>): string {
  return `${verdictWords[verdict]}${reason === undefined ? '' : `: ${reason}`}`;
}

/** The newest intermediate LoRA file, and how many there are. */
function savedText({ saved }: RunState): string | undefined {
  const newest = saved.findLast(({ best }) => best !== true) ?? saved.at(-1);
  if (newest === undefined) return undefined;
  return saved.length === 1 ? newest.path : `${newest.path} and ${saved.length - 1} more`;
}

/** A file of judging that is not ours is told, and the rest of the run is shown all the same. */
function readBoth(dir: string) {
  try {
    return { judgement: readJudgement(dir), waiting: readWaiting(dir) };
  } catch (error) {
    if (!(error instanceof ForeignFileError)) throw error;
    return { problem: `cannot be told: ${error.message}` };
  }
}

/** The result of judging; for a run with several checkpoints that was not judged, the command to judge it. */
function judgeLines({ dir, name, state: condition }: RunSummary, { checkpoints }: RunState): [string, string][] {
  const read = readBoth(dir);
  if ('problem' in read) return [['Judged', read.problem]];
  const { judgement, waiting } = read;
  if (waiting !== undefined) return [['Judged', whenJudged(waiting)]];
  if (isJudging(dir, judgement)) return [['Judged', `${judgement?.rows.length} rows so far`]];
  if (judgement?.advice) return [['Judged', judgement.advice.text]];
  const several = checkpoints.filter(({ step }) => step > 0).length > 1;
  return several && condition !== 'live' ? [['Best one', `visiontrain judge ${shellWord(name)} compares them`]] : [];
}

function lines(summary: RunSummary, state: RunState): [string, string][] {
  const { exit } = summary;
  const left = summary.seconds_left === null ? '' : `, ${formatDuration(summary.seconds_left)} left`;
  const now = new Date();
  const silent = state.lastEventAt === undefined ? 0 : now.getTime() / 1000 - state.lastEventAt;
  const all: [string, string | undefined][] = [
    ['Run', summary.name],
    ['State', summary.state === 'live' ? `${phaseText(summary)}${left}` : summary.state],
    ['Problem', summary.problem ?? undefined],
    ['Reason', exit !== null && exit.reason !== 'finished' ? exit.reason : undefined],
    ['Silent', summary.state === 'live' && silent > 60 ? `nothing heard for ${formatDuration(silent)}` : undefined],
    ['Step', summary.steps > 0 ? `${state.step} of ${summary.steps}` : undefined],
    ['Loss', state.smoothedLoss?.toFixed(4)],
    [
      'Validation',
      state.latestValidation && `step ${state.latestValidation.step}: ${validationWords(state.latestValidation)}`,
    ],
    ['By noise', state.latestValidation && levelWords(state.latestValidation)],
    ['Learned', state.learned && learnedText(state.learned)],
    ['Unlearned', state.imageLosses && neverWords(state.imageLosses)],
    ['By heart', state.imageLosses && byHeartWords(state.imageLosses)],
    ['Memory', state.peakMemory === undefined ? undefined : `${formatBytes(state.peakMemory)} at most`],
    ['Checkpoint', state.checkpoints.length > 0 ? `step ${state.checkpoints.at(-1)?.step}` : undefined],
    ['Saved', savedText(state)],
    ...judgeLines(summary, state),
    ['Started', `${formatWhen(summary.started_at, now)}${summary.attempt > 1 ? `, attempt ${summary.attempt}` : ''}`],
    ['Folder', summary.dir],
    ...(exit?.outputs ?? []).map(({ path, bytes, sha256 }): [string, string] => [
      'Output',
      `${path}  ${formatBytes(bytes)}  SHA-256 ${sha256}`,
    ]),
    ...(exit?.next_steps ?? []).map((step, i): [string, string] => [i === 0 ? 'Next' : '', step]),
    ['Explain', exit?.id && `visiontrain explain ${exit.id}`],
  ];
  return all.filter((line): line is [string, string] => line[1] !== undefined);
}
