import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventsPage } from '../../../src/engine/events/reference.ts';
import { payloads } from '../../../src/engine/events/schema.ts';

const docs = join(import.meta.dirname, '../../../docs/reference');

it('the committed page is up to date (node scripts/reference.mjs writes it)', () => {
  expect(readFileSync(join(docs, 'events.md'), 'utf8')).toBe(eventsPage());
});

it('every type says what it means', () => {
  for (const [type, schema] of Object.entries(payloads)) expect(schema.description, type).toMatch(/\.{1}$|…$/u);
});
