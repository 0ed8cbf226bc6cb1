/** Models as they lie in a hub's cache, complete and with something missing; and folders with pipes in them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, UsageError } from '../../../src/base/errors.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { readModelFacts } from '../../../src/registry/checkpoints/identify.ts';
import { checkInitLora } from '../../../src/registry/checkpoints/lora.ts';
import { weightBytes } from '../../../src/registry/checkpoints/weight-bytes.ts';
import { testRegistry } from '../../helpers/registry.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const weights = safetensors({ weight: [2, 2] });
const shard = (n: number) => `diffusion_pytorch_model-0000${n}-of-00002.safetensors`;
const index = JSON.stringify({ metadata: {}, weight_map: { a: shard(1), b: shard(2) } });
const files: Record<string, string | Uint8Array> = {
  'model_index.json': JSON.stringify({ _class_name: 'StableDiffusionPipeline' }),
  'unet/config.json': JSON.stringify({ in_channels: 4, cross_attention_dim: 768 }),
  'unet/diffusion_pytorch_model.safetensors': weights,
  'vae/config.json': '{}',
  'vae/diffusion_pytorch_model.safetensors': weights,
  'text_encoder/config.json': '{}',
  'text_encoder/model.safetensors': weights,
  'tokenizer/vocab.json': '{}',
  'tokenizer/merges.txt': '',
  'scheduler/scheduler_config.json': JSON.stringify({ prediction_type: 'epsilon' }),
};
const revision = '0123456789abcdef0123456789abcdef01234567';

/** A snapshot in a hub's cache: every file is a link to a blob. */
function snapshot(content: Readonly<Record<string, string | Uint8Array>> = files): { outer: string; path: string } {
  const outer = join(mkdtempSync(join(tmpdir(), 'vt-hub-')), 'models--someone--tiny');
  const path = join(outer, 'snapshots', revision);
  for (const folder of ['blobs', 'refs']) mkdirSync(join(outer, folder), { recursive: true });
  writeFileSync(join(outer, 'refs', 'main'), revision);
  for (const [name, bytes] of Object.entries(content)) {
    const blob = join(outer, 'blobs', createHash('sha256').update(name).update(bytes).digest('hex'));
    writeFileSync(blob, bytes);
    mkdirSync(dirname(join(path, name)), { recursive: true });
    symlinkSync(relative(dirname(join(path, name)), blob), join(path, name));
  }
  return { outer, path };
}

function refusal(path: string): UsageError {
  try {
    readModelFacts(path);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error('nothing was refused');
}

const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));

describe("a model in the hub's cache", () => {
  it('is read through its links, and its weights are counted', () => {
    const { path } = snapshot();
    expect(readModelFacts(path)).toMatchObject({ layout: 'diffusers', family: 'sd15' });
    expect(weightBytes(path)).toBe(3 * weights.length);
    const sharded = { ...without('unet/diffusion_pytorch_model.safetensors') };
    for (const n of [1, 2]) sharded[`unet/${shard(n)}`] = weights;
    sharded['unet/diffusion_pytorch_model.safetensors.index.json'] = index;
    expect(readModelFacts(snapshot(sharded).path)).toMatchObject({ family: 'sd15' });
  });

  it.each(Object.keys(files))('whose blob of %s is gone is refused by that name', (name) => {
    const { path } = snapshot();
    rmSync(resolve(dirname(join(path, name)), readlinkSync(join(path, name))));
    const { message, nextSteps } = refusal(path);
    expect(message).toContain(`${join(path, name)} is a link, and what it leads to is gone`);
    expect(nextSteps.join('\n')).toMatch(/copy of someone\/tiny[\s\S]*visiontrain models add someone\/tiny/);
  });

  it('named by its outer folder is answered with the snapshot', () => {
    const { outer, path } = snapshot();
    mkdirSync(join(outer, 'snapshots', 'f'.repeat(40)));
    expect(refusal(outer).nextSteps).toEqual([`Did you mean ${path}?`]);
    expect(refusal(dirname(path)).nextSteps).toEqual([`Did you mean ${path}?`]);
  });

  it('in a folder around it is found', () => {
    const around = mkdtempSync(join(tmpdir(), 'vt-around-'));
    symlinkSync(snapshot().path, join(around, 'model'));
    expect(refusal(around).nextSteps).toEqual([`Did you mean ${join(around, 'model')}?`]);
  });
});

describe('a folder that lacks what the loader asks for', () => {
  const kinds: [string, Record<string, string | Uint8Array>, string][] = [
    ['a configuration', without('text_encoder/config.json'), 'text_encoder/config.json is missing'],
    ['the words of the tokenizer', without('tokenizer/vocab.json'), 'tokenizer/vocab.json is missing'],
    ['its merges', without('tokenizer/merges.txt'), 'tokenizer/merges.txt is missing'],
    [
      'a shard',
      {
        ...without('unet/diffusion_pytorch_model.safetensors'),
        [`unet/${shard(1)}`]: weights,
        'unet/diffusion_pytorch_model.safetensors.index.json': index,
      },
      `unet/${shard(2)} is missing; diffusion_pytorch_model.safetensors.index.json names it`,
    ],
    [
      'weights under their name',
      { ...without('vae/diffusion_pytorch_model.safetensors'), 'vae/mine.safetensors': weights },
      'vae has no diffusion_pytorch_model.safetensors',
    ],
    [
      'an index that makes sense',
      { ...files, 'unet/diffusion_pytorch_model.safetensors.index.json': '[]' },
      "is not a list of the weights' files",
    ],
    [
      'shards beside their index',
      {
        ...files,
        'unet/diffusion_pytorch_model.safetensors.index.json': JSON.stringify({
          weight_map: { a: '../x.safetensors' },
        }),
      },
      'names a file that is not beside it',
    ],
  ];
  it.each(kinds)('is refused before a run: %s', (_what, content, message) => {
    expect(refusal(snapshot(content).path).message).toContain(message);
  });
});

describe('a pipe in the place of a file', () => {
  const pipe = (path: string) => {
    rmSync(path, { force: true });
    execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
    return path;
  };

  it.each(Object.keys(files).filter((name) => !name.endsWith('.txt')))(
    'as %s of a folder is not waited for',
    (name) => {
      const { path } = snapshot();
      pipe(join(path, name));
      expect(refusal(path).message).toBe(`${join(path, name)} is not a regular file.`);
    },
  );

  it('as a model or a LoRA is not waited for', () => {
    const path = pipe(join(mkdtempSync(join(tmpdir(), 'vt-pipe-')), 'm.safetensors'));
    expect(refusal(path).message).toBe(`${path} is not a regular file.`);
    expect(() => checkInitLora(path, {} as never, null)).toThrow(/is not a regular file/);
  });
});

describe('model.base', () => {
  /** The error for a run.yaml with this base. */
  function told(base: string, prepare: (dir: string) => void = () => {}): string {
    const dir = mkdtempSync(join(tmpdir(), 'vt-base-'));
    prepare(dir);
    const file = join(dir, 'run.yaml');
    writeFileSync(file, `version: 1\nmodel:\n  base: ${base}\ndataset:\n  path: .\n`);
    try {
      loadSpec(file, { registry: testRegistry });
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return (error as ConfigError).problems.find(({ key }) => key === 'model.base')?.message ?? '';
    }
    throw new Error('nothing was refused');
  }

  it('that names a repository of the hub leads to the command that adds it', () => {
    expect(told('someone/tiny')).toContain('visiontrain models add someone/tiny');
    expect(told('./someone/tiny')).not.toContain('models add');
    expect(told('models/x.safetensors')).not.toContain('models add');
  });

  it('that is a link to nothing is said as such', () => {
    const message = told('./m.safetensors', (dir) => symlinkSync('/nowhere/m.safetensors', join(dir, 'm.safetensors')));
    expect(message).toMatch(/m\.safetensors is a link, and what it leads to is gone or out of reach: \/nowhere/);
  });
});
