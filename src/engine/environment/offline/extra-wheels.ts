/** Which wheels of an extra a folder lacks, told before anything is installed from it. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { type Extra, lockOf } from '../extras.ts';
import { lockedRows } from './wheels.ts';

/** Machine that the wheels are for, in the words of Python's markers. */
export interface WheelTarget {
  /** Version of Python: `3.12.3`. */
  readonly python: string;
  /** `linux` or `darwin`. */
  readonly system: string;
  /** `x86_64`, `aarch64` or `arm64`. */
  readonly machine: string;
}

/**
 * Refuses a folder that lacks a wheel of one of the extras.
 * @throws UsageError that names the wheels and says how to get them
 */
export function refuseMissingWheels(extras: readonly Extra[], folder: string, target: WheelTarget): void {
  const names = readdirSync(resolve(folder));
  const lacking = extras.filter((extra) => missingWheels(extra, names, target).length > 0);
  if (lacking.length === 0) return;
  const missing = [...new Set(lacking.flatMap((extra) => missingWheels(extra, names, target)))];
  const options = lacking.map(({ name }) => `--${name}`).join(' ');
  throw new UsageError(`${resolve(folder)} lacks ${plural(missing.length, 'wheel')} for ${options}.`, {
    id: 'environment/wheels-missing',
    details: missing,
    nextSteps: [
      `visiontrain setup --plan ${options}   on a machine with a network shows how to get them`,
      'Without them:  leave these options out',
    ],
  });
}

/** The packages of an extra, as `name==version`, of which the folder has no wheel for this machine. */
export function missingWheels(extra: Extra, names: readonly string[], target: WheelTarget): readonly string[] {
  const wheels = names.flatMap((name) => wheelOf(name) ?? []);
  return lockedRows(readFileSync(lockOf(extra), 'utf8')).flatMap((row) => {
    const [requirement = '', marker] = row.split(/\s*;\s*/u);
    const [name = '', version] = requirement.trim().split('==');
    if (marker !== undefined && !applies(marker, target)) return [];
    const isIt = (wheel: Wheel) =>
      wheel.name === plainName(name) && wheel.version === version && fits(wheel.python, wheel.abi, target.python);
    return wheels.some(isIt) ? [] : [requirement.trim()];
  });
}

interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly python: string;
  readonly abi: string;
}

const plainName = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/gu, '-');

/** The parts of `name-version(-build)?-python-abi-platform.whl`. */
function wheelOf(file: string): Wheel | undefined {
  if (!file.endsWith('.whl')) return undefined;
  const parts = file.slice(0, -'.whl'.length).split('-');
  const [name, version] = parts;
  const [python, abi] = parts.slice(-3);
  if (parts.length < 5 || !name || !version || !python || !abi) return undefined;
  return { name: plainName(name), version, python, abi };
}

function fits(tags: string, abi: string, python: string): boolean {
  const minor = `cp${python.split('.').slice(0, 2).join('')}`;
  return tags
    .split('.')
    .some((tag) => tag === minor || tag.startsWith('py3') || (tag.startsWith('cp3') && abi === 'abi3'));
}

/** Whether a marker of our locks holds for a machine. A condition of another kind counts as one that does not. */
function applies(marker: string, target: WheelTarget): boolean {
  const alternatives = (text: string) =>
    text.split(/\s+or\s+/u).some((all) => all.split(/\s+and\s+/u).every((condition) => holds(condition, target)));
  // A group in brackets becomes a condition that always holds, or never.
  return alternatives(marker.replaceAll(/\(([^()]*)\)/gu, (_, inner: string) => (alternatives(inner) ? YES : 'no')));
}

const YES = 'yes';

function holds(condition: string, { python, system, machine }: WheelTarget): boolean {
  if (condition === YES) return true;
  const [, name = '', sign = '', value = ''] = /^(\w+)\s*(<|>=|==|!=)\s*'([^']*)'$/u.exec(condition.trim()) ?? [];
  const own = {
    sys_platform: system,
    platform_machine: machine,
    platform_python_implementation: 'CPython',
  }[name];
  if (own !== undefined) return sign === '!=' ? own !== value : sign === '==' && own === value;
  if (name !== 'python_full_version' && name !== 'python_version') return false;
  const least = compareVersions(python, value) >= 0;
  return sign === '>=' ? least : sign === '<' && !least;
}

function compareVersions(one: string, other: string): number {
  const [a, b] = [one, other].map((text) => text.split('.').map((part) => Number.parseInt(part, 10) || 0));
  for (let i = 0; i < 3; i += 1) {
    const apart = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (apart !== 0) return apart;
  }
  return 0;
}
