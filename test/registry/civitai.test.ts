import { expect, test } from 'vitest';
import { createClient } from '../../src/engine/download/client.ts';
import { downloadSettings } from '../../src/engine/download/settings.ts';
import { checkSources } from '../../src/registry/check.ts';
import { civitaiFile, civitaiLink } from '../../src/registry/civitai.ts';
import { findModel, loadRegistry } from '../../src/registry/load.ts';
import { HubServer } from '../helpers/hub-server.ts';

test('finds the numbers in the links people copy', () => {
  expect(civitaiLink('https://civitai.com/models/257749/pony?modelVersionId=290640')).toEqual({
    model: 257749,
    version: 290640,
  });
  expect(civitaiLink('https://civitai.com/api/download/models/290640?type=Model')).toEqual({
    model: undefined,
    version: 290640,
  });
  expect(civitaiLink('https://civitai.com/models/257749')).toEqual({ model: 257749, version: undefined });
  expect(civitaiLink('https://notcivitai.com/models/1')).toBeUndefined();
});

test('takes the wanted file of a version, else the primary checkpoint, never a pickle', () => {
  const hash = (digit: string) => digit.repeat(64);
  const file = (name: string, digit: string, primary = false) => ({
    name,
    type: 'Model',
    primary,
    hashes: { SHA256: hash(digit).toUpperCase() },
  });
  const version = { files: [file('a.ckpt', 'a', true), file('b.safetensors', 'b'), file('c.safetensors', 'c', true)] };
  expect(civitaiFile(version)?.name).toBe('c.safetensors');
  expect(civitaiFile(version, hash('b'))?.name).toBe('b.safetensors');
  expect(civitaiFile({ files: [file('a.ckpt', 'a')] })).toBeUndefined();
});

test('the check asks the API of Civitai, not its download counter', async () => {
  const hub = await new HubServer().start();
  const pony = findModel(loadRegistry({ configDir: '/nonexistent' }), 'pony');
  const [weights] = pony.files;
  hub.versions.set(290640, { files: [{ name: 'v6.safetensors', hashes: { SHA256: weights?.sha256?.toUpperCase() } }] });
  const settings = downloadSettings({}, { civitai: hub.url, hub: hub.url, backOffUnit: 0.01 });
  const client = createClient(settings, {});
  const entry = { ...pony, files: pony.files.slice(0, 1) };
  const results = await checkSources([entry], {
    client,
    settings,
    env: {},
    signal: new AbortController().signal,
    onChecked: () => {},
  });
  await client.close();
  await hub.stop();
  expect(results.map(({ state }) => state)).toEqual(['stale', 'stale', 'ok']);
  expect(hub.asked).toContain('GET /api/v1/model-versions/290640');
});
