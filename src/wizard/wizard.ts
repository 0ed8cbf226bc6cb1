/**
 * The wizard: seven steps from nothing to a run.yaml. The first question is shown before anything heavy is loaded;
 * everything else is read while the person looks at it.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CancelledError, UsageError } from '../base/errors.ts';
import { statOf } from '../base/files/stat.ts';
import { shellWord, typedPath } from '../base/typed-path.ts';
import { isBrought } from '../engine/brought/unpackers.ts';
import { noPreset, presetNames } from '../engine/presets/names.ts';
import { styled } from '../terminal/styled.ts';
import type { WizardInput, WizardResult } from './input.ts';
import type { Reply } from './prompts/frame.ts';
import { modeForm, modeQuestion, PRESET } from './questions/mode.ts';
import type { Answer, Answers } from './questions/question.ts';
import { describeDraft, dropDraft, loadDraft, loadMode, saveDraft, saveMode } from './sources/draft.ts';

export async function runWizard(given: WizardInput): Promise<WizardResult> {
  const input = whileHere(given);
  const { places, style, say } = input;
  if (input.yes && input.folder === undefined && input.from === undefined)
    throw new UsageError('--yes needs to know where your pictures are.', {
      id: 'dataset/which',
      nextSteps: ['visiontrain new FOLDER --yes'],
    });
  const isThere = (path: string) => {
    const found = path.startsWith('hf:') ? undefined : statOf(typedPath(path, input.cwd));
    return path.startsWith('hf:') || found?.isDirectory() === true || (found?.isFile() === true && isBrought(path));
  };
  if (input.folder !== undefined && !isThere(input.folder))
    throw new UsageError(`There is no folder ${input.folder}.`, { id: 'dataset/no-folder' });
  const draft =
    input.yes || input.from !== undefined || input.preset !== undefined ? undefined : loadDraft(places.state);
  const lastMode = loadMode(places.state);
  const presets = presetNames(places.config);
  if (input.preset !== undefined && !presets.includes(input.preset)) throw noPreset(places.config, input.preset);
  const described = draft === undefined ? undefined : describeDraft(draft, Date.now());
  if (!input.yes) {
    say('');
    say(
      styled`${style.bold(`visiontrain ${input.version}`)}   ${style.dim('a LoRA from your pictures, for Stable Diffusion')}`,
    );
    say('');
  }
  let saved = true;
  const save = (answers: Answers) => {
    if (!input.yes) saved = saveDraft(places.state, answers, Date.now());
  };
  const interview = async () => {
    const first = await firstAnswer(input, { draft: described, lastMode, presets });
    const { mode, preset } = taken(first, input.preset);
    const { runInterview: finish } = await import('./finish.ts');
    const result = await finish(input, {
      draft: described,
      lastMode,
      file: outputFile(input),
      preset,
      answers: { ...(mode.value === 'resume' ? draft?.answers : { mode }), ...named(input) },
      save,
    });
    dropDraft(places.state);
    return result;
  };
  try {
    return await Promise.race([interview(), ...(input.left === undefined ? [] : [leaving(input.left)])]);
  } catch (error) {
    if (!(error instanceof CancelledError) || input.yes) throw error;
    const kept = loadDraft(places.state) !== undefined && saved;
    throw new CancelledError(
      kept ? 'Left. Nothing is lost: visiontrain goes on from here.' : 'Left. Nothing was started.',
    );
  }
}

/** The input for a person who may leave between two questions: what is at work then ends where it would ask or say more. */
function whileHere(input: WizardInput): WizardInput {
  const isHere = () => {
    if (input.left?.aborted === true) throw new CancelledError('');
  };
  return {
    ...input,
    asker: async (frame, form) => {
      isHere();
      return input.asker(frame, form);
    },
    say: (line) => {
      isHere();
      input.say(line);
    },
  };
}

function leaving(left: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    left.addEventListener('abort', () => reject(new CancelledError('')), { once: true }),
  );
}

/** Asks for Easy mode, Advanced mode, or the draft. */
async function firstAnswer(input: WizardInput, known: Parameters<typeof modeForm>[0]): Promise<Answer> {
  const isSettled = input.yes || input.from !== undefined || input.preset !== undefined;
  const set = input.mode ?? (isSettled ? (known.lastMode ?? 'easy') : undefined);
  if (set !== undefined) return { value: set, by: 'you' };
  const form = modeForm(known);
  const frame = {
    ...modeQuestion.words,
    canGoBack: false,
    record: modeQuestion.record,
    style: input.style,
    get columns() {
      return input.can.columns;
    },
    get rows() {
      return input.can.rows;
    },
  };
  const pending: Promise<Reply> = input.asker(frame, form);
  // Loading the schemas takes as long as reading the question does, so it is started meanwhile.
  setTimeout(() => void import('./finish.ts').catch(() => {}), 20);
  const reply = await pending;
  if (reply.kind === 'back') throw new CancelledError('');
  if (reply.value === 'easy' || reply.value === 'advanced') saveMode(input.places.state, reply.value);
  return { value: reply.value, by: reply.value === form.initial ? 'default' : 'you' };
}

/** The mode and the preset's name, from the first answer or a flag. */
function taken(
  first: Answer,
  flag: string | undefined,
): { readonly mode: Answer; readonly preset: string | undefined } {
  if (!first.value.startsWith(PRESET)) return { mode: first, preset: flag };
  return { mode: { value: 'easy', by: 'you' }, preset: first.value.slice(PRESET.length) };
}

function named({ folder }: WizardInput): Answers {
  return folder === undefined ? {} : { 'dataset.path': { value: folder, by: 'you' } };
}

/** The path after `-o`, else the first free name, so that no earlier run.yaml is overwritten. */
function outputFile({ cwd, file, from }: WizardInput): string {
  const start = from === undefined ? undefined : typedPath(from, cwd);
  if (file !== undefined) {
    const path = typedPath(file, cwd);
    if (existsSync(path) && path !== start)
      throw new UsageError(`${file} is there already, and would be lost.`, {
        id: 'file/exists',
        nextSteps: [
          'Give another name with -o, or remove it.',
          `To change it:  visiontrain new --from ${shellWord(file)}`,
        ],
      });
    return path;
  }
  if (start !== undefined) return start;
  for (let n = 1; ; n += 1) {
    const path = resolve(cwd, n === 1 ? 'run.yaml' : `run-${n}.yaml`);
    if (!existsSync(path)) return path;
  }
}
