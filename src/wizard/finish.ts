/**
 * The rest of the wizard after the first question: it reads the facts, asks the other questions and writes the file.
 */
import { dirname, isAbsolute } from 'node:path';
import { UsageError, VisiontrainError } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files/atomic.ts';
import { intoGivenPlace } from '../base/files/given-place.ts';
import { absolute, displayPath } from '../base/paths.ts';
import { neutralise } from '../base/text.ts';
import { dataPlace } from '../engine/brought/unpackers.ts';
import { presetNames } from '../engine/presets/names.ts';
import { loadPreset } from '../engine/presets/store.ts';
import type { OwnPreset } from '../spec/own-preset.ts';
import type { Chooser, RunSpec } from '../spec/schema.ts';
import { renderSpec } from '../spec/write.ts';
import { type Line, styled } from '../terminal/styled.ts';
import type { WizardInput, WizardResult } from './input.ts';
import { folderLines, machineLines } from './notes.ts';
import type { Reply } from './prompts/frame.ts';
import type { FolderFacts, WizardFacts } from './questions/facts.ts';
import type { Flow } from './questions/machine.ts';
import { acceptsLicense } from './questions/model.ts';
import { noticeChanges } from './questions/notices.ts';
import type { Answers, WizardContext } from './questions/question.ts';
import { boxOf, derive } from './questions/values.ts';
import { runSession } from './session.ts';
import { fromSpecFile } from './sources/from-file.ts';
import { fromPreset } from './sources/from-preset.ts';
import { readNamed } from './sources/read-named.ts';
import { modelProblem, readFacts } from './sources/sources.ts';

export interface FinishInput {
  readonly draft: string | undefined;
  readonly lastMode: string | undefined;
  readonly file: string;
  /** Name of a preset of the person's own. */
  readonly preset: string | undefined;
  readonly answers: Answers;
  readonly save: (answers: Answers) => void;
}

export async function runInterview(input: WizardInput, start: FinishInput): Promise<WizardResult> {
  const { style, can, say, cwd, env, places } = input;
  const read = await readFacts({ env, places, cwd, draft: start.draft, lastMode: start.lastMode, file: start.file });
  const preset = presetMeant(start, places.config);
  const settled = preset === undefined ? undefined : new Set(Object.keys(fromPreset(preset, read.registry)));
  const facts = { ...read, preset, settled, ...(input.yes ? { models: withoutLicenses(read) } : {}) };
  const answers = { ...startAnswers(input.from, start.preset, { facts, cwd }), ...start.answers };
  const sayAll = (lines: readonly Line[]) => {
    for (const line of lines) say(line);
  };
  const look = input.yes ? undefined : { places, env, registry: facts.registry };
  let given: FolderFacts | string | undefined;
  const reading = { places, env, cwd, look };
  if (input.folder !== undefined) {
    const watch = input.left === undefined ? undefined : { signal: input.left, tell: () => {} };
    given = await readNamed(dataPlace(input.folder, facts), reading, watch);
    if (typeof given === 'string') throw new UsageError(given, { id: 'dataset/no-folder' });
  }
  if (!input.yes) sayAll(machineLines(facts, style));
  const session = await runSession({
    asker: input.yes ? takeDefaults : input.asker,
    can,
    style,
    facts,
    answers,
    // A folder from the command line has already been read.
    readFolder: async (path, watch) =>
      typeof given === 'object' && given.path === path ? given : readNamed(path, reading, watch),
    modelProblem,
    save: (given) =>
      start.save(preset === undefined ? given : { ...given, [PRESET]: { value: preset.name, by: 'you' } }),
    say: sayAll,
    describeFolder: (folder) => (input.yes ? [] : folderLines(folder, style, can.columns)),
    render: (context, flow) => document(flow, context, start.file),
  });
  const typed = session.context.answers.file?.value;
  const file = typed === undefined ? start.file : absolute(typed, facts);
  const text = document(session.flow, session.context, file);
  intoGivenPlace(file, '-o FILE', () => writeFileAtomic(file, text));
  say(styled`${style.good(style.glyph.tick)} Written: ${displayPath(file, cwd)}`);
  await keepNotices(session.context, input);
  return { action: session.action, file, acceptsLicense: acceptsLicense(session.context), box: boxOf(session.context) };
}

/** Keeps what the person has chosen about notices. Where that fails, the person is told, and the run is not held up. */
async function keepNotices(context: WizardContext, { say, style, cwd, places }: WizardInput): Promise<void> {
  const changes = noticeChanges(context);
  if (Object.keys(changes).length === 0) return;
  try {
    const { writeNotify } = await import('../engine/settings/change-notify.ts');
    const file = await writeNotify(places.config, changes);
    say(styled`${style.good(style.glyph.tick)} How you are told is kept in ${displayPath(file, cwd)}`);
  } catch (error) {
    if (!(error instanceof VisiontrainError)) throw error;
    say(`! How you are told is not kept: ${neutralise(error.message)}`);
  }
}

/** Id of the answer that stores the preset's name in a draft. */
const PRESET = 'preset';

function presetMeant({ preset, answers }: FinishInput, configDir: string): OwnPreset | undefined {
  if (preset !== undefined) return loadPreset(configDir, preset);
  const drafted = answers[PRESET]?.value;
  // A preset may have been removed since the draft; its settings are already answers of the draft.
  return drafted !== undefined && presetNames(configDir).includes(drafted) ? loadPreset(configDir, drafted) : undefined;
}

function startAnswers(
  from: string | undefined,
  preset: string | undefined,
  { facts, cwd }: { readonly facts: WizardFacts; readonly cwd: string },
): Answers {
  if (from !== undefined) return fromSpecFile(from, facts, cwd);
  return preset === undefined || facts.preset === undefined ? {} : fromPreset(facts.preset, facts.registry);
}

/** With `--yes` no licence is accepted; the start of the run then says what to do. */
const withoutLicenses = ({ models }: WizardFacts): WizardFacts['models'] =>
  new Map([...models].map(([id, state]) => [id, { ...state, license: undefined }]));

/** Carries out `--yes`: takes the default of every question, as if Enter was pressed. */
export async function takeDefaults(
  frame: { text: string },
  form: { initial: string; check?: (text: string) => Promise<string | undefined> },
): Promise<Reply> {
  const problem = await form.check?.(form.initial);
  if (problem !== undefined)
    throw new UsageError(`${frame.text} ${problem}`, {
      id: 'wizard/answer',
      nextSteps: ['visiontrain new   asks, so that you can answer'],
    });
  return { kind: 'answer', value: form.initial };
}

function document(flow: Flow, context: WizardContext, file: string): string {
  const filled = derive(flow, context);
  if ('problems' in filled) {
    const all = filled.problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new UsageError('The answers do not fit together.', { id: 'spec/not-together', details: all });
  }
  const { spec, provenance } = filled;
  const base = context.facts.registry.models.some(({ id }) => id === spec.model.base)
    ? spec.model.base
    : pathIn(file, spec.model.base);
  const written = {
    ...spec,
    dataset: datasetIn(file, spec.dataset),
    model: { ...spec.model, base },
  };
  const who: Record<string, Chooser> = { ...provenance };
  return renderSpec(written, who);
}

/** The section `dataset` with its paths as they are written into the file. */
function datasetIn(file: string, dataset: RunSpec['dataset']): RunSpec['dataset'] {
  const { path, sources, masks } = dataset;
  const from = masks !== null && isAbsolute(masks.from) ? { from: pathIn(file, masks.from) } : {};
  return {
    ...dataset,
    path: pathIn(file, path),
    sources: sources.map((source) =>
      isAbsolute(source.path) ? { ...source, path: pathIn(file, source.path) } : source,
    ),
    masks: masks === null ? null : { ...masks, ...from },
  };
}

/** A path for the file: relative when it lies below the file's folder, so that the folder can be moved. */
function pathIn(file: string, path: string): string {
  if (path.startsWith('hf:')) return path;
  const folder = dirname(file);
  return path === folder ? '.' : displayPath(path, folder);
}
