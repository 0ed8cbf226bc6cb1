import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.ts';
import { places as placesOf } from '../../../src/base/paths.ts';
import { settleEndpoint } from '../../../src/engine/captions/consent.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { cli } from '../../helpers/cli.ts';
import { testRegistry as registry } from '../../helpers/registry.ts';

const home = mkdtempSync(join(tmpdir(), 'vt-consent-'));
const places = placesOf({ ...process.env, VISIONTRAIN_HOME: home });
const captions = (endpoint: string, write = 'endpoint') =>
  ({
    ...fillSpec({ dataset: { path: 'x' }, model: { base: 'tiny' } }, registry).spec.captions,
    write,
    endpoint,
  }) as const;

it('asks once for each server, and never for one on this machine', () => {
  for (const own of ['http://localhost:11434/v1', 'http://127.0.0.1:1/v1', 'http://[::1]:8000/v1'])
    expect(() => settleEndpoint(captions(own) as never, { places, env: {}, allows: false })).not.toThrow();
  for (const foreign of [
    'https://example.org/v1',
    'http://localhost.example.org/v1',
    'http://127.0.0.1.example.org/v1',
  ])
    expect(() => settleEndpoint(captions(foreign) as never, { places, env: {}, allows: false })).toThrow(
      `The pictures without a caption would be sent to ${new URL(foreign).origin}`,
    );
  expect(() =>
    settleEndpoint(captions('https://example.org/v1', 'tags') as never, { places, env: {}, allows: false }),
  ).not.toThrow();
  settleEndpoint(captions('https://example.org/v1') as never, { places, env: {}, allows: true });
  expect(() =>
    settleEndpoint(captions('https://example.org/other') as never, { places, env: {}, allows: false }),
  ).not.toThrow();
  expect(() => settleEndpoint(captions('http://example.org/v1') as never, { places, env: {}, allows: false })).toThrow(
    'http://example.org',
  );
  expect(() =>
    settleEndpoint(captions('https://example.org:444/v1') as never, { places, env: {}, allows: false }),
  ).toThrow(':444');
  const kept = join(places.state, 'caption-servers.json');
  expect(JSON.parse(readFileSync(kept, 'utf8'))).toEqual(['https://example.org']);
  // A damaged list allows nothing.
  writeFileSync(kept, '{');
  expect(() => settleEndpoint(captions('https://example.org/v1') as never, { places, env: {}, allows: false })).toThrow(
    'would be sent to',
  );
});

it('sends the key only where it was allowed with one, and asks about this machine too', () => {
  const fresh = placesOf({ ...process.env, VISIONTRAIN_HOME: mkdtempSync(join(tmpdir(), 'vt-consent-')) });
  const keyed = { places: fresh, env: { VISIONTRAIN_CAPTION_KEY: 'secret' }, allows: false };
  const keyless = { ...keyed, env: { VISIONTRAIN_CAPTION_KEY: ' ' } };
  for (const server of ['http://127.0.0.1:11434', 'https://example.org']) {
    settleEndpoint(captions(`${server}/v1`) as never, { ...keyless, allows: true });
    expect(() => settleEndpoint(captions(`${server}/v1`) as never, keyless)).not.toThrow();
    expect(() => settleEndpoint(captions(`${server}/v1`) as never, keyed)).toThrow(
      `The pictures without a caption, and the key in VISIONTRAIN_CAPTION_KEY, would be sent to ${server}`,
    );
    settleEndpoint(captions(`${server}/v1`) as never, { ...keyed, allows: true });
    for (const asked of [keyed, keyless])
      expect(() => settleEndpoint(captions(`${server}/v2`) as never, asked)).not.toThrow();
  }
});

it('a run.yaml alone sends no picture anywhere', async () => {
  const lesson = join(packageRoot(), 'presets/tiny/lesson');
  cpSync(lesson, join(home, 'pictures'), { recursive: true, filter: (path) => !path.endsWith('.txt') });
  const spec = join(home, 'run.yaml');
  writeFileSync(
    spec,
    `version: 1
dataset: {path: pictures, goal: character, trigger: zwx}
model: {base: tiny}
captions: {write: endpoint, endpoint: "http://192.0.2.1/v1", endpoint_model: m}
`,
  );
  const { code, stderr } = await cli(['run', spec, '--detach', '--plain'], { ...process.env, VISIONTRAIN_HOME: home });
  expect(code).toBe(2);
  expect(stderr).toContain('would be sent to http://192.0.2.1');
  expect(stderr).toContain('visiontrain explain captions/server');
});
