import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { embeddingPlace, programFolder, programIn, rememberProgram } from '../../../src/engine/export/programs.ts';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'vt-programs-')));
const around = { env: { HOME: join(dir, 'ann') }, places: { state: join(dir, 'state') }, cwd: join(dir, 'ann', 'art') };
const make = (path: string) => {
  mkdirSync(join(dir, path), { recursive: true });
  return join(dir, path);
};
beforeEach(() => {
  rmSync(dir, { recursive: true, force: true });
  make('ann/art');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('folders of other programs', () => {
  it('are chosen by name, with a folder or without', () => {
    expect(programIn('comfyui')).toEqual({ program: 'comfyui', folder: undefined });
    expect(programIn('forge=/data/x=y')).toEqual({ program: 'forge', folder: '/data/x=y' });
    expect([programIn('ComfyUI/models/loras'), programIn('./comfyui')]).toEqual([undefined, undefined]);
  });

  it('are found at home, in or beside the working folder, and where a variable points', () => {
    const found = make('ann/ComfyUI/models/loras');
    expect(programFolder('comfyui', around)).toBe(found);
    const own = make('x/models/Lora');
    expect(programFolder('a1111', { ...around, env: { A1111_PATH: join(dir, 'x') } })).toBe(own);
  });

  it('have a folder for embeddings beside the one for LoRAs, where the file is named like its word', () => {
    expect(embeddingPlace('comfyui', '/c/models/loras', 'zfx')).toBe('/c/models/embeddings/zfx.safetensors');
    expect(embeddingPlace('a1111', '/a/models/Lora', 'zfx fox')).toBe('/a/embeddings/zfx fox.safetensors');
    expect(embeddingPlace('forge', '/f/models/Lora', '../zfx')).toBeNull();
  });

  it('are asked for where there is none or more than one, and remembered from then on', () => {
    expect(() => programFolder('forge', around)).toThrow(/Forge is not found/);
    make('ann/forge/models/Lora');
    make('ann/art/stable-diffusion-webui-forge/models/Lora');
    expect(() => programFolder('forge', around)).toThrow(/more than one Forge/);
    const told = make('elsewhere/models/Lora');
    expect(() => rememberProgram('forge', join(dir, 'ann'), around)).toThrow(/no models\/Lora in it/);
    expect(rememberProgram('forge', join(dir, 'elsewhere'), around)).toBe(told);
    expect(programFolder('forge', around)).toBe(told);
    rmSync(told, { recursive: true });
    expect(() => programFolder('forge', around)).toThrow(/more than one Forge/);
  });
});
