import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageMeter } from '../../../../src/engine/environment/packages/meter.ts';

let folder: string;
let t: number;
const meter = (expected = 10_000) => packageMeter({ folder, expected, now: () => t });
const lies = (bytes: number, name = 'torch-2.13.0-py3-none-any.whl', unpack = 'pip-unpack-a1') => {
  mkdirSync(join(folder, unpack), { recursive: true });
  writeFileSync(join(folder, unpack, name), Buffer.alloc(bytes));
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vt-meter-'));
  t = 100;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('measures the bytes that pip has fetched, over several runs of pip', () => {
  const bytes = meter();
  expect(bytes.look()).toBeUndefined();
  lies(1000);
  expect(bytes.look()).toEqual({ done: 1000, total: 10_000 });
  t += 2;
  lies(3000);
  expect(bytes.look()).toEqual({ done: 3000, total: 10_000, rate: 1000 });
  // pip empties its folder when it has installed everything.
  rmSync(join(folder, 'pip-unpack-a1'), { recursive: true });
  bytes.settle();
  expect(bytes.look()?.done).toBe(3000);
  lies(500, 'b-1-py3-none-any.whl');
  lies(999, 'other.txt');
  lies(999, 'c-1-py3-none-any.whl', 'somebody-else');
  expect(bytes.look()?.done).toBe(3500);
  // Nothing arrives for longer than the window over which the rate is measured.
  t += 60;
  expect(bytes.look()).toEqual({ done: 3500, total: 10_000 });
});

it('counts the large files that uv names, and none twice', () => {
  const bytes = meter(2e9);
  bytes.line('Downloading torch (783.1MiB)');
  bytes.line('Downloading nvidia-cudnn-cu13 (1.0GiB)');
  bytes.line('  Downloading numpy-2.3.0-cp311-cp311-manylinux_2_28_x86_64.whl (16.6 MB)');
  expect(bytes.look()).toBeUndefined();
  bytes.line(' Downloaded torch');
  bytes.line(' Downloaded torch');
  bytes.line(' Downloaded something-never-begun');
  expect(bytes.look()?.done).toBeCloseTo(783.1 * 2 ** 20, 0);
  bytes.line(' Downloaded nvidia-cudnn-cu13');
  bytes.settle();
  expect(bytes.look()?.done).toBeCloseTo(783.1 * 2 ** 20 + 2 ** 30, 0);
});

it('promises no total that was already passed', () => {
  const bytes = meter(100);
  lies(200);
  expect(bytes.look()).toEqual({ done: 200 });
});
