import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseNvidiaSmi, parseRocmSmi } from '../../../src/engine/hardware/gpu-tools.ts';
import { probeHardware } from '../../../src/engine/hardware/probe.ts';

const SMI = `0, GPU-11111111-aaaa, NVIDIA GeForce RTX 4070, 12282, 11264, 570.86.10, 8.9
1, GPU-22222222-bbbb, Tesla T4, 15360, 15000, 570.86.10, 7.5
`;
const GIB = 1024 ** 3;

describe('parseNvidiaSmi', () => {
  it('reads every card', () => {
    expect(parseNvidiaSmi(SMI)).toEqual([
      {
        vendor: 'nvidia',
        index: 0,
        name: 'NVIDIA GeForce RTX 4070',
        totalBytes: 12282 * 1024 ** 2,
        freeBytes: 11 * GIB,
        driver: '570.86.10',
        capability: '8.9',
      },
      {
        vendor: 'nvidia',
        index: 1,
        name: 'Tesla T4',
        totalBytes: 15 * GIB,
        freeBytes: 15000 * 1024 ** 2,
        driver: '570.86.10',
        capability: '7.5',
      },
    ]);
  });

  it.each([
    ['1', ['Tesla T4 0']],
    ['1,0', ['Tesla T4 0', 'NVIDIA GeForce RTX 4070 1']],
    ['GPU-2222', ['Tesla T4 0']],
    ['0,7,1', ['NVIDIA GeForce RTX 4070 0']],
    ['', []],
    ['-1', []],
  ])('numbers cards as torch does with CUDA_VISIBLE_DEVICES=%s', (visible, cards) => {
    expect(parseNvidiaSmi(SMI, visible).map(({ name, index }) => `${name} ${index}`)).toEqual(cards);
  });

  it('accepts words of the tool in place of numbers', () => {
    const [card] = parseNvidiaSmi('0, GPU-1, NVIDIA GB10, [N/A], [N/A], 580.1, 12.1\nunexpected line\n');
    expect(card).toMatchObject({ totalBytes: null, freeBytes: null, capability: '12.1' });
    expect(parseNvidiaSmi('NVIDIA-SMI has failed because it could not talk to the driver.')).toEqual([]);
  });
});

it('reads rocm-smi, and finds nothing in nonsense', () => {
  const text = JSON.stringify({
    card0: {
      'Card series': 'Radeon RX 7900 XTX',
      'VRAM Total Memory (B)': '25753026560',
      'VRAM Total Used Memory (B)': '1000',
    },
    system: { 'Driver version': '6.7' },
  });
  expect(parseRocmSmi(text)).toMatchObject([
    { vendor: 'amd', index: 0, name: 'Radeon RX 7900 XTX', freeBytes: 25753025560 },
  ]);
  expect([parseRocmSmi('{'), parseRocmSmi('null'), parseRocmSmi('[]')]).toEqual([[], [], []]);
});

describe('probeHardware', () => {
  /** A folder that holds an executable of that name, as PATH. */
  function tool(script: string): NodeJS.ProcessEnv {
    const folder = mkdtempSync(join(tmpdir(), 'vt-smi-'));
    writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'nvidia-smi'), 0o755);
    return { PATH: `${folder}:/usr/bin:/bin` };
  }

  it('knows cores, memory and the disks of folders that are not there yet', async () => {
    const { cpuCores, memoryBytes, disks } = await probeHardware([join(tmpdir(), 'not/yet/there')], { PATH: '' });
    expect(cpuCores).toBeGreaterThanOrEqual(1);
    expect(cpuCores).toBeLessThanOrEqual(availableParallelism());
    expect(memoryBytes).toBeLessThanOrEqual(totalmem());
    expect(disks[0]?.freeBytes).toBeGreaterThan(0);
  });

  it('asks the tool on PATH', async () => {
    const { gpus } = await probeHardware([], tool(`cat <<'END'\n${SMI}END`));
    expect(gpus.map(({ name }) => name)).toEqual(['NVIDIA GeForce RTX 4070', 'Tesla T4']);
  });

  it.each([
    ['fails', 'exit 9'],
    ['prints nonsense', 'echo "Failed to initialize NVML: Driver/library version mismatch"'],
  ])('finds no card when the tool %s', async (_how, script) => {
    expect((await probeHardware([], tool(script))).gpus.filter(({ vendor }) => vendor === 'nvidia')).toEqual([]);
  });
});

describe('a tool for cards', () => {
  const withTool = (script: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'visiontrain-smi-'));
    writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'nvidia-smi'), 0o755);
    return probeHardware([], { PATH: `${folder}:${process.env.PATH}` });
  };

  it('is read when it has ended, even if one of its children holds the pipe open', async () => {
    const { gpus } = await withTool(`setsid sleep 300 & printf '${SMI.replaceAll('\n', '\\n')}'`);
    expect(gpus).toHaveLength(2);
  });

  it('is given up when it hangs, even if another process holds the pipe open', async () => {
    expect((await withTool('setsid sleep 300 & sleep 300')).gpus).toEqual([]);
  });
});
