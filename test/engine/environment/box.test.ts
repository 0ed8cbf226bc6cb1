import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { boxBuild, boxFingerprint, renewBox } from '../../../src/engine/environment/box.ts';
import { STAMP, type Stamp } from '../../../src/engine/environment/check.ts';
import { holds, keepProof, proofOf, provenDevice } from '../../../src/engine/environment/proofs.ts';
import { type ProofInput, proveDevice } from '../../../src/engine/environment/prove.ts';
import { type Box, boxes, systemOf } from '../../helpers/boxes.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-box-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const named = (name: string): Box => boxes().find((box) => box.name === name) as Box;
const inputFor = (box: Box, asked: string[] = []) => ({
  places: places({ VISIONTRAIN_HOME: dir }),
  env: { ...box.env },
  system: systemOf(box, asked),
});

describe('what is known of a box', () => {
  it('is asked anew only when its driver or its cards change', async () => {
    const asked: string[] = [];
    const rtx = named('RTX 4090, driver 580');
    const first = await boxBuild(inputFor(rtx, asked), {});
    expect(first).toMatchObject({ build: 'cu130', card: 0, driver: '580.65.06' });
    expect(asked.length).toBeGreaterThan(0);
    asked.length = 0;
    expect(await boxBuild(inputFor(rtx, asked), {})).toEqual(first);
    expect(asked).toEqual([]);

    const newer = {
      ...rtx,
      files: {
        ...rtx.files,
        '/proc/driver/nvidia/version':
          rtx.files['/proc/driver/nvidia/version']?.replace('580.65.06', '580.95.05') ?? '',
      },
    };
    const second = await boxBuild(inputFor(newer, asked), {});
    expect(asked.length).toBeGreaterThan(0);
    expect(second.fingerprint).not.toBe(first.fingerprint);
    const hidden = boxFingerprint(systemOf(rtx), { CUDA_VISIBLE_DEVICES: '' });
    expect(new Set([first.fingerprint, second.fingerprint, hidden]).size).toBe(3);
  });

  it('keeps the choice for each device, and survives a record that is damaged or from another version', async () => {
    const two = named('RTX 4090 beside a GTX 1080');
    expect((await boxBuild(inputFor(two), { device: 'cuda:0' })).build).toBe('cu130');
    expect((await boxBuild(inputFor(two), { device: 'cuda:1' })).build).toBe('cu126');
    const record = join(dir, 'envs', 'box.json');
    expect(Object.keys(JSON.parse(readFileSync(record, 'utf8')).decisions)).toEqual(['cuda:0', 'cuda:1']);
    for (const text of ['{', '{"fingerprint":"x","chosen":"cu118","decisions":{}}']) {
      writeFileSync(record, text);
      expect((await boxBuild(inputFor(two), { device: 'cuda:1' })).build).toBe('cu126');
    }
  });

  it('uses the build that was named at set-up until the next set-up, and the build of the variable for one run', async () => {
    const rtx = named('RTX 4090, driver 580');
    expect((await renewBox(inputFor(rtx), 'cu128')).box.build).toBe('cu128');
    expect((await boxBuild(inputFor(rtx), { device: 'cuda:0' })).build).toBe('cu128');
    const once = { ...inputFor(rtx), env: { VISIONTRAIN_TORCH: 'cpu' } };
    expect((await boxBuild(once, { device: 'cuda:0' })).build).toBe('cpu');
    expect((await boxBuild(inputFor(rtx), { device: 'cuda:0' })).build).toBe('cu128');
    expect((await renewBox(inputFor(rtx), undefined)).box.build).toBe('cu130');
    expect((await boxBuild(inputFor(rtx), { device: 'cuda:0' })).build).toBe('cu130');
  });

  it('stops with the cure before anything is fetched', async () => {
    await expect(boxBuild(inputFor(named('RTX 3090, driver 545')), {})).rejects.toMatchObject({
      exitCode: 3,
      message: 'The NVIDIA driver 545.29.06 is too old for NVIDIA GeForce RTX 3090: update the driver to 580.',
      nextSteps: expect.arrayContaining(['sudo apt install nvidia-driver-580']),
    });
  });
});

describe('the proof that a device computes', () => {
  const says = (script: string): ProofInput => {
    const python = join(dir, 'python');
    writeFileSync(python, `#!/bin/sh\n${script}\n`);
    chmodSync(python, 0o755);
    const log = join(dir, 'log');
    return { python, env: process.env, device: 'cuda:0', build: 'cu130', log, signal: new AbortController().signal };
  };
  const check = (name: string, error?: string) =>
    `echo '${JSON.stringify({ check: name, ok: error === undefined, ms: 1, ...(error === undefined ? {} : { error }) })}'`;

  it('lists the passed checks, and what a run can do without', async () => {
    const checks = await proveDevice(
      says([check('see'), 'echo a warning', check('kernel'), check('bf16', 'no')].join('\n')),
    );
    const box = { fingerprint: 'f', build: 'cu130', card: 0, cardName: 'RTX', driver: '580', notes: [] } as const;
    expect(proofOf(checks, 'cuda:0', box)).toMatchObject({
      passed: ['see', 'kernel'],
      failed: ['bf16'],
      driver: '580',
    });
  });

  it.each([
    [
      'CUDA error: no kernel image is available for execution on the device',
      'cu130 has no kernels for this card',
      '--torch cu126',
    ],
    ['The NVIDIA driver on your system is too old (found version 12020)', 'driver is too old', 'visiontrain setup'],
    ['OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 MiB', "hold the card's memory", 'nvidia-smi'],
    ['CUDA error: all CUDA-capable devices are busy or unavailable', 'holds the card for itself', 'nvidia-smi -c 0'],
    ['Found no NVIDIA driver on your system.', 'sees no card', 'visiontrain doctor'],
    ['CUDA unknown error - this may be due to an incorrectly set up environment', 'does not start', 'nvidia_uvm'],
    ['CUDA error: uncorrectable ECC error encountered', 'makes errors', 'xid'],
    ["Disagreement: the result differs from the processor's by 3 of 4", 'computes wrong numbers', 'overclocking'],
    ['something nobody has seen', 'cuda:0 failed the check "kernel".', 'visiontrain setup --force'],
  ])('names the cause and the cure of: %s', async (error, message, step) => {
    await expect(
      proveDevice(says(`${check('see')}\n${check('kernel', error.replaceAll("'", '’'))}\nexit 1`)),
    ).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(message),
      nextSteps: expect.arrayContaining([expect.stringContaining(step)]),
    });
  });

  it('does not wait for a card that hangs', async () => {
    await expect(proveDevice({ ...says('sleep 60'), limitMs: 300 })).rejects.toMatchObject({
      message: expect.stringContaining('it hangs'),
      nextSteps: expect.arrayContaining(['sudo reboot']),
    });
  });

  it('holds for one driver and device, and is stored beside those of other devices', () => {
    const box = (fingerprint: string, card = 0) =>
      ({ fingerprint, build: 'cu130', card, cardName: 'RTX', driver: '580', notes: [] }) as const;
    mkdirSync(join(dir, 'env', 'bin'), { recursive: true });
    const file = join(dir, 'env', STAMP);
    writeFileSync(file, JSON.stringify({ key: 'k', torch: '2.13.0' }));
    const python = join(dir, 'env', 'bin', 'python');
    const environment = () => ({
      python,
      python_version: '3.12.0',
      torch: '2.13.0',
      kind: 'own' as const,
      proofs: (JSON.parse(readFileSync(file, 'utf8')) as Stamp).proofs ?? [],
    });
    expect(provenDevice('cu130', box('a'))).toBe('cuda:0');
    expect(holds(environment(), 'cuda:0', box('a'))).toBe(false);
    for (const card of [0, 1])
      keepProof(environment(), proofOf([{ check: 'see', ok: true, ms: 1 }], `cuda:${card}`, box('a', card)));
    expect([holds(environment(), 'cuda:0', box('a')), holds(environment(), 'cuda:1', box('a'))]).toEqual([true, true]);
    expect([holds(environment(), 'cuda:0', box('b')), holds(environment(), 'cpu', box('b'))]).toEqual([false, true]);
    keepProof(environment(), proofOf([], 'cuda:0', box('b')));
    expect(environment().proofs.map(({ fingerprint, device }) => `${fingerprint} ${device}`)).toEqual(['b cuda:0']);
  });
});
