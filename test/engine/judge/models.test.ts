import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Places } from '../../../src/base/paths.ts';
import { judgeModels, modelWords } from '../../../src/engine/judge/models.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';

const ILLUSTRIOUS = 'illustrious-xl-v0.1';
let dir: string;
let places: Places;
const registry = loadRegistry({ configDir: '/none' });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'judges-'));
  places = { models: join(dir, 'models'), config: dir } as Places;
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Writes files of the right length where the files of a model of the registry would lie. */
function bring(id: string): void {
  const entry = registry.assets.find((asset) => asset.id === id);
  for (const { path, bytes } of entry?.files ?? []) {
    const file = join(places.models, id, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    if (bytes !== undefined) truncateSync(file, bytes);
  }
}

const chosen = (base: string, asked = {}) => {
  const { likeness, fit } = judgeModels({ wanted: asked, base, registry, places });
  return [likeness?.entry?.id ?? likeness?.folder ?? null, fit?.entry?.id ?? fit?.folder ?? null];
};

describe('models that judge', () => {
  it('are none where none is on this machine, and none for the embedded model', () => {
    expect(chosen('sdxl-1.0')).toEqual([null, null]);
    bring('dinov2-small');
    bring('clip-vit-large-patch14');
    expect(chosen('tiny')).toEqual([null, null]);
    expect(chosen('sdxl-1.0')).toEqual(['dinov2-small', 'clip-vit-large-patch14']);
    expect(chosen('a file of somebody')).toEqual(['dinov2-small', 'clip-vit-large-patch14']);
  });

  it('are a tagger for a base of tags, and always the models that are asked for', () => {
    bring('clip-vit-large-patch14');
    expect(chosen(ILLUSTRIOUS)).toEqual([null, 'clip-vit-large-patch14']);
    bring('wd-vit-tagger-v3');
    expect(chosen(ILLUSTRIOUS)).toEqual([null, 'wd-vit-tagger-v3']);
    expect(chosen('sdxl-1.0', { likeness: 'dinov2-small', fit: 'wd-swinv2-tagger-v3' })).toEqual([
      'dinov2-small',
      'wd-swinv2-tagger-v3',
    ]);
    expect(chosen(ILLUSTRIOUS, { likeness: 'pixels', fit: 'none' })).toEqual([null, null]);
  });

  it('may be a folder, which is examined', () => {
    const folder = join(dir, 'mine');
    mkdirSync(folder);
    writeFileSync(join(folder, 'config.json'), '{}');
    expect(() => chosen('tiny', { fit: folder })).toThrow('preprocessor_config.json, model.safetensors not in it');
    writeFileSync(join(folder, 'preprocessor_config.json'), '{}');
    writeFileSync(join(folder, 'model.safetensors'), '');
    expect(chosen('tiny', { fit: folder })).toEqual([null, folder]);
    expect(() => chosen('tiny', { likeness: 'florence-2-base' })).toThrow('neither a model that judges nor a folder');
  });

  it('are named with their licence', () => {
    const { fit } = judgeModels({ wanted: { fit: 'clip-vit-large-patch14' }, base: 'tiny', registry, places });
    expect(fit && modelWords(fit)).toBe(
      "clip-vit-large-patch14 (licence: MIT (of OpenAI's CLIP; the model page names none))",
    );
  });

  it('are pinned with commit and hash, all files of them', () => {
    const judges = registry.assets.filter(({ kind }) => kind === 'judge');
    expect(judges.map(({ id }) => id)).toEqual(['dinov2-small', 'clip-vit-large-patch14']);
    for (const { files } of judges)
      for (const { sha256, sources } of files) {
        expect(sha256).toBeDefined();
        expect(sources).toEqual([expect.objectContaining({ revision: expect.stringMatching(/^[0-9a-f]{40}$/u) })]);
      }
  });
});
