import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ForeignFileError } from '../../../src/base/files/regular-file.ts';
import { insideRun } from '../../../src/engine/run-folder/inside.ts';
import { readExitStrictly } from '../../../src/engine/run-folder/run-files.ts';

let home: string;
let dir: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'visiontrain-inside-'));
  dir = join(home, 'runs', 'fox');
  mkdirSync(join(dir, 'output'), { recursive: true });
  writeFileSync(join(home, 'secret'), 'secret');
  writeFileSync(join(dir, 'output', 'fox.safetensors'), 'lora');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('a file of the run is found, and a missing one is left to the caller', () => {
  expect(insideRun(dir, 'output/fox.safetensors')).toBe(join(dir, 'output', 'fox.safetensors'));
  expect(insideRun(dir, 'output/gone/x.safetensors')).toBe(join(dir, 'output', 'gone', 'x.safetensors'));
});

it.each(['../../secret', 'output/../../../secret', '/etc/passwd', '', '.', './x', 'output//x', 'a\0b'])(
  'a path that leads out is refused: %j',
  (path) => expect(() => insideRun(dir, path)).toThrow(ForeignFileError),
);

it('no link is followed, neither as the file nor on the way', () => {
  symlinkSync(join(home, 'secret'), join(dir, 'output', 'link.safetensors'));
  symlinkSync(home, join(dir, 'samples'));
  expect(() => insideRun(dir, 'output/link.safetensors')).toThrow('is a link');
  expect(() => insideRun(dir, 'samples/secret')).toThrow('is a link');
  expect(() => insideRun(dir, 'output')).toThrow('is a folder');
});

it('an exit.json that names a file outside is not believed', () => {
  const exit = { status: 'finished', code: 0, reason: 'finished', step: 1, details: [], next_steps: [] };
  const output = (path: string) => ({ ...exit, outputs: [{ path, bytes: 6, sha256: '0'.repeat(64) }] });
  const write = (path: string) => writeFileSync(join(dir, 'exit.json'), JSON.stringify(output(path)));
  write('output/fox.safetensors');
  expect(readExitStrictly(dir)?.outputs).toHaveLength(1);
  write('../../secret');
  expect(() => readExitStrictly(dir)).toThrow(ForeignFileError);
});
