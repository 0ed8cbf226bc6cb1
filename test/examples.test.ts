import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSpec } from '../src/engine/prepare/load.ts';
import { loadRegistry } from '../src/registry/catalogue/load.ts';
import { cli } from './helpers/cli.ts';

const root = join(import.meta.dirname, '..');
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'));
let place: string;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'vt-examples-'));
  cpSync(join(root, 'examples'), place, { recursive: true });
  cpSync(join(root, 'presets/tiny/sd15'), join(place, 'my-model'), { recursive: true });
  mkdirSync(join(place, 'pictures'));
  const lesson = join(root, 'presets/tiny/lesson-style');
  for (const name of readdirSync(lesson).filter((each) => each.startsWith('lumo-')))
    cpSync(join(lesson, name), join(place, 'pictures', name));
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

describe('the examples', () => {
  it('are those that the documentation names', () => {
    const page = readFileSync(join(root, 'docs/quick-start.md'), 'utf8');
    expect([...page.matchAll(/examples\/([a-z0-9-]+\.yaml)/gu)].map(([, name]) => name).sort()).toEqual(
      examples.sort(),
    );
  });

  // A LoRA to go on from is the person's own file, which is read before the start.
  it.each(examples.filter((name) => name !== 'go-on-from-lora.yaml'))('%s plans a run', async (name) => {
    const env = { ...process.env, VISIONTRAIN_HOME: join(place, 'home') };
    const { code, stdout, stderr } = await cli(['run', name, '--dry-run', '--json'], env, place);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { plan, warnings } = JSON.parse(stdout);
    expect(plan.data.images.length).toBeGreaterThan(5);
    expect(warnings.filter((warning: string) => /no sample prompt|other programs/u.test(warning))).toEqual([]);
  });

  it.each(examples)('%s gives each key that its comments name the value that they tell', (name) => {
    const { provenance } = loadSpec(join(place, name), { registry: loadRegistry({ configDir: join(place, 'none') }) });
    expect(Object.values(provenance).filter((chooser) => chooser === 'you').length).toBeGreaterThan(3);
  });
});
