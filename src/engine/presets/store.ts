/** Reads, writes and removes the files of the person's own presets. */
import { existsSync, rmSync } from 'node:fs';
import { ConfigError, UsageError, VisiontrainError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { explainWriteError, HOME_ELSEWHERE } from '../../base/files/write-errors.ts';
import { type OwnPreset, readPreset, renderPreset } from '../../spec/own-preset.ts';
import { readTextFile } from '../../spec/read-text.ts';
import { noPreset, presetFile, presetFolder } from './names.ts';

/**
 * Reads a preset.
 * @throws UsageError when there is none of that name; ConfigError with the lines of its mistakes
 */
export function loadPreset(configDir: string, name: string): OwnPreset {
  const file = presetFile(configDir, name);
  if (!existsSync(file)) throw noPreset(configDir, name);
  const read = readTextFile(file);
  const wrong = (problems: ConfigError['problems']) =>
    new ConfigError(`The preset ${name} has mistakes.`, problems, {
      id: 'preset/wrong',
      nextSteps: [`Mend the file, or remove it:  visiontrain preset rm ${name}`],
    });
  if ('problem' in read) throw wrong([{ file, line: read.line ?? 1, column: 1, key: '', message: read.problem }]);
  const found = readPreset(read.text, name, file);
  if (found.problems !== undefined) throw wrong(found.problems);
  return found.preset;
}

/** The presets by name for `loadSpec`; undefined for one that is gone or has mistakes. */
export const presetsOf =
  (configDir: string) =>
  (name: string): OwnPreset | undefined => {
    try {
      return loadPreset(configDir, name);
    } catch (error) {
      if (error instanceof VisiontrainError) return undefined;
      throw error;
    }
  };

/**
 * Writes a preset. An existing one is replaced only with `replace`.
 * @throws UsageError, EnvironmentError
 */
export function savePreset(configDir: string, preset: OwnPreset, replace: boolean): string {
  const file = presetFile(configDir, preset.name);
  if (existsSync(file) && !replace)
    throw new UsageError(`There is a preset ${preset.name} already.`, {
      id: 'preset/exists',
      nextSteps: [`See it:      visiontrain preset show ${preset.name}`, 'Replace it:  --replace'],
    });
  try {
    makePrivateFolder(presetFolder(configDir));
    writeFileAtomic(file, renderPreset(preset));
  } catch (error) {
    throw explainWriteError(error, file, HOME_ELSEWHERE);
  }
  return file;
}

/**
 * Removes a preset; returns the path of its file.
 * @throws UsageError when there is none of that name
 */
export function removePreset(configDir: string, name: string): string {
  const file = presetFile(configDir, name);
  if (!existsSync(file)) throw noPreset(configDir, name);
  rmSync(file);
  return file;
}
