/** The draft: it is saved after each answer, offered the next time, and removed when run.yaml is written. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { neutralise } from '../../base/text.ts';
import { formatWhen } from '../../base/when.ts';
import type { Answer, Answers } from '../questions/question.ts';

const VERSION = 1;

export interface Draft {
  readonly at: number;
  readonly answers: Answers;
}

const draftFile = (stateDir: string) => join(stateDir, 'wizard-draft.json');
const modeFile = (stateDir: string) => join(stateDir, 'wizard-mode');

/** Saves the draft. Returns false when the place cannot be written to; the wizard continues without a draft. */
export function saveDraft(stateDir: string, answers: Answers, now: number): boolean {
  try {
    makePrivateFolder(stateDir);
    writeFileAtomic(draftFile(stateDir), `${JSON.stringify({ version: VERSION, at: now, answers })}\n`, 0o600);
    return true;
  } catch {
    return false;
  }
}

/** Loads the draft; undefined when there is none, or it is damaged or of another version. */
export function loadDraft(stateDir: string): Draft | undefined {
  try {
    const read: unknown = JSON.parse(readFileSync(draftFile(stateDir), 'utf8'));
    if (!isObject(read) || read.version !== VERSION || typeof read.at !== 'number' || !isObject(read.answers))
      return undefined;
    const answers = Object.entries(read.answers).filter((entry): entry is [string, Answer] => isAnswer(entry[1]));
    return { at: read.at, answers: Object.fromEntries(answers) };
  } catch {
    return undefined;
  }
}

export function dropDraft(stateDir: string): void {
  rmSync(draftFile(stateDir), { force: true });
}

export function loadMode(stateDir: string): string | undefined {
  try {
    const mode = readFileSync(modeFile(stateDir), 'utf8').trim();
    return mode === 'easy' || mode === 'advanced' ? mode : undefined;
  } catch {
    return undefined;
  }
}

export function saveMode(stateDir: string, mode: string): void {
  try {
    makePrivateFolder(stateDir);
    writeFileAtomic(modeFile(stateDir), `${mode}\n`);
  } catch {
    // The draft is only a convenience, so a failure to write it is no problem.
  }
}

/** Describes a draft in words: `yesterday 21:14: ~/art/fox, sdxl`. */
export function describeDraft({ at, answers }: Draft, now: number): string {
  const path = answers['dataset.path']?.value;
  const model = answers['model.base']?.value;
  const what = [path, model].filter((part) => part !== undefined).map((part) => neutralise(part));
  return `the draft of ${when(at, now)}${what.length > 0 ? ` (${what.join(', ')})` : ''}`;
}

function when(at: number, now: number): string {
  const when = formatWhen(at / 1000, new Date(now));
  return /^\d\d:/.test(when) ? `today ${when}` : when;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isAnswer = (value: unknown): value is Answer =>
  isObject(value) && typeof value.value === 'string' && (value.by === 'you' || value.by === 'default');
