/** Names of the person's own presets, each of them a file in the settings folder: `presets/NAME.yaml`. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';

/** Valid names of a preset. */
const PRESET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ENDING = '.yaml';
export const presetFolder = (configDir: string): string => join(configDir, 'presets');

/**
 * Path of a preset's file.
 * @throws UsageError for a name that no preset can have
 */
export function presetFile(configDir: string, name: string): string {
  if (!PRESET_NAME.test(name))
    throw new UsageError(`${JSON.stringify(name)} cannot name a preset.`, {
      id: 'preset/name',
      nextSteps: ['Use letters, digits, dot, dash and underscore, 64 at most.'],
    });
  return join(presetFolder(configDir), `${name}${ENDING}`);
}

/** Names of all presets, sorted. The wizard calls this before it has loaded anything else, so no file is opened. */
export function presetNames(configDir: string): readonly string[] {
  try {
    return readdirSync(presetFolder(configDir))
      .filter((file) => file.endsWith(ENDING))
      .map((file) => file.slice(0, -ENDING.length))
      .filter((name) => PRESET_NAME.test(name))
      .sort();
  } catch {
    // There is no such folder yet.
    return [];
  }
}

/** The error for a missing preset, which lists the existing ones. */
export function noPreset(configDir: string, name: string): UsageError {
  const names = presetNames(configDir);
  const near = nearest(name, names);
  return new UsageError(`There is no preset ${name}.${near === undefined ? '' : ` Did you mean ${near}?`}`, {
    id: 'preset/none',
    details: names.length === 0 ? ['You have no presets yet.'] : [`There are: ${names.join(', ')}.`],
    nextSteps: ['visiontrain preset save NAME run.yaml   makes one'],
  });
}
