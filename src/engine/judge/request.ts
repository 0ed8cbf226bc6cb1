/** The default request for judging a run: every checkpoint, with the prompts of its samples. Pure. */
import { UsageError } from '../../base/errors.ts';
import { says } from '../plan/captions.ts';
import type { Plan } from '../plan/schema.ts';
import type { JudgeRequest } from './schema.ts';

/** Samples of each prompt: the smallest number from which a standard error can be computed. */
const SEEDS = 2;
/** Captions that serve as prompts when the run has no prompts of its own. */
const MOST_CAPTIONS = 3;
/**
 * Captions of images kept out of training that are drawn, each to be compared with its image. With fewer prompts, too
 * many of them would have to be copied before that is more than chance.
 */
const MOST_HELD_OUT = 6;

export interface JudgeChoices {
  /** Steps of the existing checkpoints. */
  readonly checkpoints: readonly number[];
  readonly steps?: readonly number[] | undefined;
  readonly strengths?: readonly number[] | undefined;
  readonly seeds?: number | undefined;
  readonly trigger: string;
  /** Folders of models that judge. */
  readonly likeness?: string | undefined;
  readonly fit?: string | undefined;
}

/**
 * Completes a request.
 * @throws UsageError when there is nothing to judge, or a named step has no checkpoint
 */
export function judgeRequest(plan: Plan, wanted: JudgeChoices): JudgeRequest {
  const { checkpoints, trigger } = wanted;
  const steps = wanted.steps ?? checkpoints;
  const gone = steps.filter((step) => !checkpoints.includes(step));
  if (steps.length === 0 || gone.length > 0)
    throw new UsageError(
      steps.length === 0
        ? 'There is no checkpoint in this run yet.'
        : `There is no checkpoint of step ${gone.join(', ')}.`,
      {
        id: 'run/no-export',
        details: checkpoints.length === 0 ? [] : [`Checkpoints: steps ${checkpoints.join(', ')}.`],
        nextSteps: ['Keep more of them in the next run: --set output.checkpoint_keep=10'],
      },
    );
  const first = plan.samples.seed;
  return {
    steps: [...steps].sort((a, b) => a - b),
    strengths: [...(wanted.strengths ?? [1])],
    prompts: withHeldOut(
      promptsOf(plan, trigger).map((prompt) => pictured(prompt, plan)),
      heldOut(plan, trigger),
    ),
    seeds: Array.from({ length: wanted.seeds ?? SEEDS }, (_, i) => first + i),
    likeness: wanted.likeness ?? null,
    fit: wanted.fit ?? null,
  };
}

/**
 * The prompts of the samples, else captions of the data set; and one of these without the trigger, to measure
 * bleeding.
 */
function promptsOf({ samples, data }: Plan, trigger: string): JudgeRequest['prompts'] {
  const known = samples.shots?.map(({ prompt, negative }, shot) => ({ text: prompt, negative, shot })) ?? [];
  const plain = samples.prompts.map((text) => ({ text, negative: samples.negative, shot: null }));
  const captions = [...new Set(data.images.filter(({ validation }) => !validation).map(({ caption }) => caption))];
  const fallback = captions.slice(0, MOST_CAPTIONS).map((text) => ({ text, negative: samples.negative, shot: null }));
  const own = known.length > 0 ? known : plain.length > 0 ? plain : fallback;
  const prompts = own.map((prompt) => ({ ...prompt, trigger: calls(prompt.text, trigger), image: null }));
  const [called] = prompts.filter((prompt) => prompt.trigger === true);
  if (called === undefined || prompts.some((prompt) => prompt.trigger === false)) return prompts;
  const text = withoutTrigger(called.text, trigger);
  return text === '' || says(text, trigger) ? prompts : [...prompts, { ...called, text, trigger: false }];
}

type Prompt = JudgeRequest['prompts'][number];

/**
 * A prompt that is the caption of an image word for word, with that image: kept out of training it is what the prompt
 * should show, and trained on it is what the prompt asks for, so that a sample like it is no copy.
 */
function pictured(prompt: Prompt, { data }: Plan): Prompt {
  if (prompt.trigger === false) return prompt;
  const own = data.images.filter(
    ({ caption, regularisation }) => !regularisation && firstLine(caption) === prompt.text,
  );
  const image = own.find(({ validation }) => validation) ?? own[0];
  return image === undefined ? prompt : { ...prompt, image: image.path };
}

/** The prompts, and those of captions of images kept out that are not among them. */
function withHeldOut(own: readonly Prompt[], held: readonly Prompt[]): JudgeRequest['prompts'] {
  const known = new Set(own.map(({ image }) => image));
  return [...own, ...held.filter(({ image }) => !known.has(image))];
}

const firstLine = (caption: string) => caption.split('\n')[0] ?? '';

const calls = (text: string, trigger: string) => (trigger === '' ? null : says(text, trigger));

/**
 * Captions of images that were kept out of training, spread over all of them. A sample of such a caption can be
 * compared with the very image that it describes.
 */
function heldOut({ samples, data }: Plan, trigger: string): JudgeRequest['prompts'] {
  const kept = data.images.filter(({ validation, regularisation }) => validation && !regularisation);
  const described = kept.filter(({ caption }) => caption.trim() !== '' && calls(caption, trigger) !== false);
  const each = Math.max(1, described.length / MOST_HELD_OUT);
  const chosen = described.filter((_, i) => Math.floor(i / each) !== Math.floor((i - 1) / each));
  return chosen.map(({ caption, path }) => ({
    text: firstLine(caption),
    negative: samples.negative,
    trigger: calls(caption, trigger),
    image: path,
    shot: null,
  }));
}

/** The prompt without the trigger, and without the comma after it. */
const withoutTrigger = (text: string, trigger: string) =>
  text
    .split(trigger)
    .join('')
    .replaceAll(/(^|,)\s*(?=,|$)/gu, '')
    .replaceAll(/\s+/gu, ' ')
    .replace(/^[,\s]+/u, '')
    .trim();
