/** A data set as a person names it: a folder, or what is unpacked or fetched first, while its progress is told. */
import { VisiontrainError } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import { formatBytes, neutralise } from '../../base/text.ts';
import { isBrought } from '../../engine/brought/unpackers.ts';
import type { StepTools } from '../../engine/events/step-tools.ts';
import type { FolderFacts } from '../questions/facts.ts';
import type { CheckWatch } from '../questions/question.ts';
import { type LookWith, readFolder } from './sources.ts';

interface Reading {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly look: LookWith | undefined;
}

/** The data set as the wizard shows it, under the name that it has; or the reason why it cannot be trained on. */
export async function readNamed(
  named: string,
  { places, env, cwd, look }: Reading,
  watch?: CheckWatch,
): Promise<FolderFacts | string> {
  if (!isBrought(named)) return readFolder(named, places, look);
  const signal = watch?.signal ?? new AbortController().signal;
  const notes: string[] = [];
  try {
    const { broughtFolder } = await import('../../engine/brought/bring.ts');
    const tools = { ...toolsOf(watch), signal, note: ({ text }: { text: string }) => void notes.push(text) };
    const folder = await broughtFolder(named, cwd, { places, env, tools });
    const facts = await readFolder(folder, places, look);
    if (typeof facts === 'string') return facts;
    return { ...facts, path: named, problems: [...notes.map((note) => neutralise(note)), ...facts.problems] };
  } catch (error) {
    if (signal.aborted) return 'Stopped. What was fetched and unpacked is kept: Enter goes on from there.';
    if (error instanceof VisiontrainError)
      return [error.message, ...error.details].map((line) => neutralise(line)).join(' ');
    throw error;
  }
}

function toolsOf(watch: CheckWatch | undefined): Omit<StepTools, 'signal' | 'note'> {
  let activity = 'looking';
  const tell = (words: string) => watch?.tell(words);
  return {
    phase: (name = '') => {
      activity = name.split(' ')[0] || activity;
      tell(`${activity}…`);
    },
    progress: ({ done, total, unit }) => {
      const much = unit === 'bytes' ? formatBytes(done) : String(done);
      const share = total ? ` (${Math.floor((100 * done) / total)} %)` : '';
      tell(`${activity}: ${much}${share}`);
    },
  };
}
