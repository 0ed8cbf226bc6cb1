/**
 * LoRA files of every kind and age through every function that reads their header ("door").
 * test/fixtures/lora-doors.json holds the files and the expected outcome at each;
 * trainer/tests/lora_tools/test_doors.py holds the functions that read weights to it. `judge` is not among them,
 * because it draws from the checkpoints of a run.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { VisiontrainError } from '../../../src/base/errors.ts';
import { importSettings } from '../../../src/engine/import/import.ts';
import { editLora } from '../../../src/engine/lora/edit.ts';
import { inspectLora } from '../../../src/engine/lora/inspect.ts';
import { baseOfLoras } from '../../../src/engine/sample/ground.ts';
import { checkInitLora } from '../../../src/registry/checkpoints/lora.ts';
import { checkMergedLora, factsOfLora } from '../../../src/registry/checkpoints/lora-uses.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { testRegistry as registry } from '../../helpers/registry.ts';

interface DoorFile {
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly dtype?: keyof typeof WIDTHS;
  /** The byte that fills all weights: 0x3c gives 0.0115 in fp32, 0xff gives NaN. */
  readonly fill?: number;
  readonly spoil?: keyof typeof SPOILS;
  readonly expect: Readonly<Record<string, string>>;
}

const WIDTHS = { F32: 4, F16: 2, BF16: 2, F8_E4M3: 1 } as const;
type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

const SPOILS = {
  'cut in the header': (bytes: Buffer) => bytes.subarray(0, 60),
  'cut in the weights': (bytes: Buffer) => bytes.subarray(0, -7),
  'a huge header': (bytes: Buffer) => Buffer.concat([Buffer.from('0000000000000040', 'hex'), bytes.subarray(8)]),
  'a header of no JSON': (bytes: Buffer) =>
    Buffer.concat([bytes.subarray(0, 8), Buffer.alloc(20, 'x'), bytes.subarray(28)]),
  'a shape that lies': (bytes: Buffer) => lie(bytes, (tensor) => Object.assign(tensor, { shape: [9999, 9999] })),
  'offsets over each other': (bytes: Buffer) =>
    lie(bytes, (tensor) => Object.assign(tensor, { data_offsets: [8, 8 + 4 * 32] })),
  'an unknown type': (bytes: Buffer) => lie(bytes, (tensor) => Object.assign(tensor, { dtype: 'F128' })),
  'a pickle': (bytes: Buffer) => Buffer.concat([Buffer.from('80049500', 'hex'), bytes]),
  empty: () => Buffer.alloc(0),
  'a web page': () => Buffer.from(`<!DOCTYPE html><html>${' '.repeat(600)}</html>`),
};

/** The file with a changed header: `change` alters the entry of its first tensor. */
function lie(bytes: Buffer, change: (tensor: Header[string]) => void): Buffer {
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, start).toString()) as Header;
  const [first] = Object.entries(header).filter(([name]) => name !== '__metadata__');
  if (first !== undefined) change(first[1]);
  return whole(header, bytes.subarray(start));
}

function whole(header: object, payload: Buffer): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, payload]);
}

function made({ tensors, metadata = {}, dtype = 'F32', fill = 0x3c, spoil }: DoorFile): Buffer {
  let end = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, shape] of Object.entries(tensors)) {
    const bytes = WIDTHS[dtype] * shape.reduce((product, side) => product * side, 1);
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const bytes = whole(header, Buffer.alloc(end, fill));
  return spoil === undefined ? bytes : SPOILS[spoil](bytes);
}

/** Returns `ok` with what `action` gives, or the id of the error. An error without an id fails the test. */
function verdict(action: () => string | undefined): string {
  try {
    return ['ok', action() ?? []].flat().join(': ');
  } catch (error) {
    if (!(error instanceof VisiontrainError)) throw error;
    expect(error.message).toMatch(/\.$/u);
    return error.id;
  }
}

const dir = mkdtempSync(join(tmpdir(), 'vt-doors-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What a run trains that goes on from this file, when the person gives nothing else. */
function specFor(path: string): Pick<RunSpec, 'model' | 'training'> {
  const facts = factsOfLora(path);
  const { rank = 16, conv_rank = 0 } = facts?.ranks ?? {};
  const kind = facts?.kind ?? { adapter: 'lora', dora: false };
  const training = {
    ...kind,
    lokr: facts?.lokr ?? null,
    rank,
    conv_rank,
    targets: 'all',
    text_encoder_learning_rate: 0,
  };
  return { model: { family: 'sd15' }, training } as unknown as Pick<RunSpec, 'model' | 'training'>;
}

const DOORS: Readonly<Record<string, (path: string) => string | undefined>> = {
  inspect: (path) => {
    const { kinds, problems } = inspectLora(path);
    const bad = problems.filter(({ level }) => level === 'bad').length;
    return `${Object.keys(kinds).join(' and ')}${bad > 0 ? ', bad' : ''}`;
  },
  edit: (path) => {
    const to = join(dir, 'edited.safetensors');
    try {
      editLora(path, to, { 'modelspec.title': 'fox' }, false);
    } finally {
      rmSync(to, { force: true });
    }
    return undefined;
  },
  'sample, its base': (path) => baseOfLoras([path], registry),
  'init_lora, its header': (path) => {
    checkInitLora(path, specFor(path), null);
    return undefined;
  },
  'merge_loras, its header': (path) => {
    checkMergedLora(path, 'sd15');
    return undefined;
  },
  'new --from': (path) => {
    importSettings(path, { registry, folder: dir });
    return undefined;
  },
};

const fixture = join(import.meta.dirname, '../../fixtures/lora-doors.json');
const files = JSON.parse(readFileSync(fixture, 'utf8')) as Record<string, DoorFile>;

it.each(Object.keys(files))('%s', (name) => {
  const file = files[name];
  if (file === undefined) throw new Error(name);
  const path = join(dir, 'fox.safetensors');
  writeFileSync(path, made(file));
  const found = Object.fromEntries(Object.entries(DOORS).map(([door, action]) => [door, verdict(() => action(path))]));
  expect(file.expect).toMatchObject(found);
  expect(existsSync(join(dir, 'edited.safetensors'))).toBe(false);
});
