import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { styleFor } from '../../src/cli/style.ts';
import type { Capabilities } from '../../src/cli/terminal.ts';
import { places } from '../../src/engine/paths.ts';
import { acceptsLicense } from '../../src/wizard/questions/model.ts';
import { runSession } from '../../src/wizard/session.ts';
import { modelProblem, readFacts, readFolder } from '../../src/wizard/sources.ts';
import { png } from '../helpers/png.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-session-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('asks for the licence of another model again, and for another model where it is refused', async () => {
  const own = places({ VISIONTRAIN_HOME: join(dir, 'home') });
  mkdirSync(join(dir, 'fox'));
  writeFileSync(
    join(dir, 'fox', 'a.png'),
    png(64, 64, (x, y) => [x, y, 0]),
  );
  const read = await readFacts({ places: own, cwd: dir, draft: undefined, lastMode: undefined, file: join(dir, 'r') });
  const license = { name: 'Strict', url: 'https://example.org/l', restrictions: '', acceptance: true };
  const locked = ['noobai', 'sdxl'].map((id) => [id, { ready: false, fetchBytes: 1, license }] as const);
  const facts = { ...read, models: new Map([...read.models, ...locked]) };
  // Label → what is answered there, in turn; Enter when nothing is left.
  const script: Record<string, string[]> = {
    Mode: ['easy'],
    Model: ['more', 'noobai', 'more', 'noobai', 'sdxl'],
    Licence: ['', 'accept Strict', 'accept Strict'],
    Review: ['go:model.base', 'start'],
  };
  const asked: string[] = [];
  const { context } = await runSession({
    asker: async ({ label }, form) => {
      asked.push(label);
      return { kind: 'answer', value: script[label]?.shift() || form.initial };
    },
    can: { columns: 80, rows: 24 } as Capabilities,
    style: styleFor({ colour: 0, unicode: true }),
    facts,
    answers: {},
    readFolder: (path) => readFolder(path, own),
    modelProblem,
    save: () => {},
    say: () => {},
    describeFolder: () => [],
    render: () => '',
  });
  expect(asked.filter((label) => ['Model', 'Licence', 'Review'].includes(label))).toEqual([
    'Model',
    'Model',
    'Licence',
    // Refused: from the beginning, also where the model stood behind "more".
    'Model',
    'Model',
    'Licence',
    'Review',
    'Model',
    'Licence',
    'Review',
  ]);
  expect(context.answers['model.base']?.value).toBe('sdxl');
  expect(acceptsLicense(context)).toBe(true);
});
