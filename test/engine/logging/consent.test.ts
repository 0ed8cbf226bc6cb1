import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { settleSpaces, unallowedSpaces } from '../../../src/engine/logging/consent.ts';
import type { TrackerSpec } from '../../../src/spec/sections/logging.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-spaces-'));
const here = places({ VISIONTRAIN_HOME: dir });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const tracker = (more: Partial<TrackerSpec>): TrackerSpec => ({
  to: 'trackio',
  project: 'foxes',
  mode: 'online',
  space: 'them/foxes',
  ...more,
});

it('a Space gets nothing until the person has allowed this very Space', () => {
  const wanted = [tracker({}), tracker({ space: 'me/foxes' })];
  expect(() => settleSpaces(wanted, here, false)).toThrow('would be sent to the Space them/foxes');
  expect(unallowedSpaces(wanted, here)).toEqual(['them/foxes', 'me/foxes']);
  settleSpaces([tracker({})], here, true);
  expect(unallowedSpaces(wanted, here)).toEqual(['me/foxes']);
  expect(() => settleSpaces(wanted, here, false)).toThrow('me/foxes');
  expect(() => settleSpaces([tracker({})], here, false)).not.toThrow();
});

it('nobody is asked about a run that sends nothing to a Space', () => {
  const quiet = [tracker({ space: null }), tracker({ mode: 'offline' }), tracker({ to: 'wandb' })];
  expect(unallowedSpaces(quiet, here)).toEqual([]);
  settleSpaces(quiet, here, false);
});
