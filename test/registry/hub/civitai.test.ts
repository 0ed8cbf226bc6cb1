import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { type Client, createClient } from '../../../src/download/http/client.ts';
import { downloadSettings } from '../../../src/download/http/settings.ts';
import { findModel, loadRegistry } from '../../../src/registry/catalogue/load.ts';
import type { ModelFile } from '../../../src/registry/catalogue/schema.ts';
import { checkSources } from '../../../src/registry/hub/check.ts';
import { civitaiFile, civitaiLink } from '../../../src/registry/hub/civitai.ts';
import { findRemote } from '../../../src/registry/hub/remote.ts';
import { remoteFacts } from '../../../src/registry/hub/remote-facts.ts';
import type { RemoteInput } from '../../../src/registry/hub/remote-model.ts';
import { HubServer } from '../../helpers/hub-server.ts';
import { kinds, safetensors } from '../../helpers/safetensors.ts';

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
  expect(civitaiLink('https://civitai.com/models/1?modelVersionId=abc')).toEqual({ model: 1, version: undefined });
  expect(civitaiLink('https://notcivitai.com/models/1')).toBeUndefined();
});

test('takes the wanted file of a version, otherwise the primary checkpoint, and never a pickle', () => {
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
  // The name decides where the file will lie.
  expect(civitaiFile({ files: [file('../../a.safetensors', 'a')] })?.name).toBe('a.safetensors');
});

describe('a link to Civitai', () => {
  const weights = safetensors({ ...kinds.sdxl, v_pred: [] });
  const sha256 = createHash('sha256').update(weights).digest('hex');
  let site: HubServer;
  let client: Client;
  let input: RemoteInput;
  beforeEach(async () => {
    site = await new HubServer().start();
    site.models.set(7, { modelVersions: [{ id: 71 }, { id: 70 }] });
    site.versions.set(71, {
      id: 71,
      modelId: 7,
      name: 'v2',
      model: { name: 'A Merge' },
      files: [
        { name: 'aMerge_v2.safetensors', type: 'Model', primary: true, hashes: { SHA256: sha256.toUpperCase() } },
      ],
    });
    site.downloads.set(71, weights);
    const settings = downloadSettings({ CIVITAI_TOKEN: 'key' }, { civitai: site.url, hub: 'http://127.0.0.1:9' });
    client = createClient(settings, {});
    const { signal } = new AbortController();
    input = { client, settings, env: {}, signal, sha256: undefined, tokenEnv: undefined };
  });
  afterEach(async () => {
    await client.close();
    await site.stop();
  });

  it.each([
    'https://civitai.com/models/7?modelVersionId=71',
    'https://civitai.com/models/7/a-merge',
    'https://civitai.com/api/download/models/71?type=Model&format=SafeTensor',
  ])('%s: names the file, its hash and its kind, without fetching it', async (link) => {
    const found = await findRemote(link, input);
    expect(found).toMatchObject({ title: 'A Merge v2', page: `${site.url}/models/7?modelVersionId=71` });
    const [file] = found.files as [ModelFile];
    expect(file).toMatchObject({
      path: 'aMerge_v2.safetensors',
      sha256,
      sources: [{ kind: 'civitai', model: 7, version: 71 }],
    });
    expect(await remoteFacts(file, input)).toMatchObject({ family: 'sdxl', prediction: 'v_prediction' });
    expect(new Set(site.tokens)).toEqual(new Set(['Bearer key']));
  });

  it.each([
    ['https://civitai.com/images/1', 'names no model'],
    ['https://civitai.com/models/8', 'answered 404'],
    ['https://civitai.com/models/7?modelVersionId=70', 'answered 404'],
  ])('%s is refused in words', async (link, message) => {
    await expect(findRemote(link, input)).rejects.toThrow(message);
  });
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
