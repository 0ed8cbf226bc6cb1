import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BUILDS, type TorchBuild } from '../../../src/engine/environment/builds.ts';
import { type BuildDecision, chooseBuild } from '../../../src/engine/environment/choose-build.ts';
import { requirementsFor } from '../../../src/engine/environment/requirements.ts';
import { readSigns } from '../../../src/engine/hardware/signals.ts';
import { type Box, boxes, systemOf } from '../../helpers/boxes.ts';

const all = boxes();
const signsOf = (box: Box) => readSigns(systemOf(box), box.env);
const find = (name: string): Box => all.find((box) => box.name === name) as Box;
const stop = (decision: BuildDecision) => {
  if (decision.kind === 'build') throw new Error(`build ${decision.build}`);
  return decision;
};

describe('the build for a box', () => {
  it('is known for many boxes of each kind', () => {
    expect(all.length).toBeGreaterThanOrEqual(60);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    const builds = new Set(all.map((box) => box.expect.build ?? 'stop'));
    expect([...builds].sort()).toEqual(['cpu', 'cu126', 'cu128', 'cu130', 'native', 'rocm7.2', 'stop']);
  });

  it.each(all.map((box) => [box.name, box] as const))('%s', async (_name, box) => {
    const signs = await signsOf(box);
    const decision = chooseBuild(signs, {});
    if (box.expect.stop !== undefined) {
      const { message, nextSteps, details } = stop(decision);
      expect(message).toContain(box.expect.stop);
      expect([...nextSteps, ...details].join('\n')).toContain(box.expect.do);
      return;
    }
    expect(decision).toMatchObject({ kind: 'build', build: box.expect.build });
    const { notes, card } = decision as Extract<BuildDecision, { kind: 'build' }>;
    expect(notes).toHaveLength(box.expect.notes?.length ?? 0);
    for (const [n, note] of (box.expect.notes ?? []).entries()) expect(notes[n]).toContain(note);
    if (box.expect.cards !== undefined) expect(signs.cards).toHaveLength(box.expect.cards);
    if (box.expect.bytes !== undefined) expect(card?.totalBytes).toBe(box.expect.bytes);
  });

  it('is never silently the one for the processor when any sign points to a card', async () => {
    for (const box of all) {
      const decision = chooseBuild(await signsOf(box), {});
      if (decision.kind === 'stop' || decision.build !== 'cpu') continue;
      const sign = Object.keys(box.files).some((path) => /nvidia|libcuda|kfd/u.test(path));
      expect([box.name, sign && decision.notes.length === 0]).toEqual([box.name, false]);
    }
  });

  it('follows the card that a run is for', async () => {
    const signs = await signsOf(find('RTX 4090 beside a GTX 1080'));
    expect(chooseBuild(signs, { device: 'cuda:0' })).toMatchObject({ build: 'cu130' });
    expect(chooseBuild(signs, { device: 'cuda:1' })).toMatchObject({ build: 'cu126', card: { index: 1 }, notes: [] });
  });

  it('needs no driver for a run on the processor, and reports what is wrong with the card', async () => {
    const decision = chooseBuild(await signsOf(find('T4, driver 450')), { device: 'cpu' });
    expect(decision).toMatchObject({ kind: 'build', build: 'cpu', notes: [expect.stringContaining('too old')] });
  });

  it('is the one that was named, with a warning if it does not fit', async () => {
    const signs = await signsOf(find('GTX 1080 Ti, driver 580: cu130 has no kernels for it'));
    expect(chooseBuild(signs, { torch: 'cu126' })).toMatchObject({ build: 'cu126', notes: [] });
    expect(chooseBuild(signs, { torch: 'cu130' })).toMatchObject({
      build: 'cu130',
      notes: ['You chose cu130. cu130 has no kernels for NVIDIA GeForce GTX 1080 Ti (compute capability 6.1).'],
    });
    expect(() => chooseBuild(signs, { torch: 'cu118' })).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: 'There is no build "cu118" of torch.',
        details: expect.arrayContaining([expect.stringMatching(/^cu128 /u)]),
      }),
    );
  });
});

describe('the questions to a box', () => {
  it('start no tool but nvidia-smi where nothing points to a card', async () => {
    const asked: string[] = [];
    await readSigns(systemOf(find('no card'), asked), {});
    expect(asked).toEqual(['nvidia-smi']);
  });
});

describe('the table of builds', () => {
  const lockOf = (build: TorchBuild) => readFileSync(requirementsFor(build).torchLock as string, 'utf8');

  it.each(BUILDS.filter(({ lock }) => lock !== undefined).map(({ id }) => id))(
    '%s has a lock of that torch, hashed',
    (id) => {
      const { torch, torchLock } = requirementsFor(id);
      expect(existsSync(torchLock as string)).toBe(true);
      const text = lockOf(id);
      expect(text).toContain(`\ntorch==${torch} \\\n    --hash=sha256:`);
      const packages = text.split('\n').filter((line) => /^[a-z0-9]/u.test(line));
      expect(packages.every((line) => line.endsWith('\\'))).toBe(true);
    },
  );

  it('agrees with the common lock on every package that both name', () => {
    const common = readFileSync(join(requirementsFor('cpu').lock), 'utf8');
    const versions = (text: string) => new Set(text.match(/^[a-z0-9][^\s;]*==[^\s;]+/gmu));
    for (const id of ['cu130', 'cu128', 'cu126'] as const)
      for (const version of versions(lockOf(id))) {
        const [name] = version.split('==');
        if (new RegExp(`^${name}==`, 'mu').test(common))
          expect([id, version, versions(common).has(version)]).toEqual([id, version, true]);
      }
  });
});
