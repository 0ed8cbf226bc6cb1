/** Definitions that both programs need, and that therefore exist in both languages, are equal in both. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EXIT } from '../src/base/errors.ts';
import { SAFETENSORS_HEADER_MOST } from '../src/base/files/safetensors-limit.ts';
import { PROBE_APART } from '../src/engine/events/probe.ts';
import { EVENTS_VERSION, payloads } from '../src/engine/events/schema.ts';
import { MEASURES_VERSION } from '../src/engine/judge/schema.ts';
import { planDataclasses } from '../src/engine/plan/dataclasses.ts';
import { PLAN_VERSION } from '../src/engine/plan/schema.ts';
import { RUN_FILES } from '../src/engine/run-folder/layout.ts';
import { WITHOUT_EFFECT } from '../src/engine/runs/compare.ts';

const root = join(import.meta.dirname, '..');
const trainer = join(root, 'trainer', 'visiontrain_trainer');
const python = (file: string) => readFileSync(join(trainer, file), 'utf8');
const all = readdirSync(trainer, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.py'))
  .map(python)
  .join('\n');
const number = (text: string, name: string) =>
  Number(new RegExp(`^${name} = ([\\d_]+)$`, 'm').exec(text)?.[1]?.replaceAll('_', ''));

it('exit codes', () => {
  const errors = python('base/errors.py');
  expect(number(errors, 'FAILED')).toBe(EXIT.training);
  expect(number(errors, 'MACHINE')).toBe(EXIT.environment);
  expect(number(errors, 'STOPPED')).toBe(EXIT.stopped);
});

it('versions of the plan and of events', () => {
  expect(number(python('contract/plan_schema.py'), 'VERSION')).toBe(PLAN_VERSION);
  expect(Number(/"v": (\d+)/.exec(python('contract/events.py'))?.[1])).toBe(EVENTS_VERSION);
});

it('version of how samples are measured', () => {
  expect(number(python('judging/scores.py'), 'VERSION')).toBe(MEASURES_VERSION);
});

it('names of files in a run folder', () => {
  const names = [...all.matchAll(/\brun \/ "([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(new Set(names).size).toBeGreaterThan(5);
  expect(names.filter((name) => !(Object.values(RUN_FILES) as string[]).includes(name))).toEqual([]);
});

it('how far the measured memory of a step may be from the counted one', () => {
  expect(Number(/^APART = (.+)$/m.exec(python('run/probe.py'))?.[1])).toBe(PROBE_APART);
});

it('requests', () => {
  const ours = readFileSync(join(root, 'src/engine/run-folder/requests.ts'), 'utf8');
  const known = /type Request = (.+);/.exec(ours)?.[1]?.match(/\w+/g) ?? [];
  const trainers = /^REQUESTS = \((.+)\)$/m.exec(python('contract/control.py'))?.[1]?.match(/\w+/g) ?? [];
  // The trainer does not know `kill`, which the supervisor carries out.
  expect([...trainers, 'kill'].sort()).toEqual([...known].sort());
});

it('types of events', () => {
  const written = [...all.matchAll(/\bemit\(\s*"(\w+)"/g)].map((match) => match[1] ?? '');
  expect(new Set(written).size).toBeGreaterThan(8);
  expect(written.filter((type) => !(type in payloads))).toEqual([]);
});

it('facts that no byte depends on', () => {
  const theirs = /^_WITHOUT_EFFECT = \{(.+)\}$/m.exec(python('training/environment.py'))?.[1]?.match(/\w+/g) ?? [];
  expect(theirs.sort()).toEqual([...WITHOUT_EFFECT].sort());
});

it('bytes that the header of a safetensors file may have', () => {
  expect(number(python('model/weights.py'), '_HEADER_MOST')).toBe(SAFETENSORS_HEADER_MOST);
});

it('the plan: the committed dataclasses are up to date (npm run docs writes them)', () => {
  expect(python('contract/plan_schema.py')).toBe(planDataclasses());
});
