import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { EventReader, eventsEnd, followEvents, readEvents } from '../../../src/engine/events/tail.ts';
import { openEventWriter } from '../../../src/engine/events/writer.ts';

let dir: string;
const file = () => join(dir, 'events.jsonl');
const all = () => [...readEvents(dir)].flat();
const texts = (events: readonly RunEvent[]) => events.map((e) => (e.type === 'note' ? e.text : e.type));

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-events-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('openEventWriter', () => {
  it('writes one line per event with version, sequence and time', () => {
    const writer = openEventWriter(dir, () => 1_500);
    writer.write('note', { level: 'info', text: 'a\nb' });
    writer.close();
    expect(readFileSync(file(), 'utf8')).toBe('{"v":2,"seq":1,"t":1.5,"type":"note","level":"info","text":"a\\nb"}\n');
  });

  it('goes on after the last complete line and completes a partial one with a line end', () => {
    const first = openEventWriter(dir);
    first.write('note', { level: 'info', text: 'one' });
    first.write('note', { level: 'info', text: 'two' });
    first.close();
    appendFileSync(file(), '{"v":2,"seq":3,"t":1,"type":"no');
    const second = openEventWriter(dir);
    second.write('note', { level: 'info', text: 'three' });
    second.close();
    const events = all();
    expect(texts(events)).toEqual(['one', 'two', 'three']);
    expect(events.map((e) => e.seq)).toEqual([1, 2, 3]);
  });
});

describe('EventReader', () => {
  it('keeps a partial last line until it is whole, even when it ends within a character', () => {
    const line = Buffer.from('{"v":2,"seq":1,"t":1,"type":"note","level":"info","text":"é"}\n');
    const cut = line.indexOf(0xa9);
    writeFileSync(file(), line.subarray(0, cut));
    const reader = new EventReader(dir);
    expect(reader.read()).toEqual([]);
    appendFileSync(file(), line.subarray(cut));
    expect(texts(reader.read())).toEqual(['é']);
    expect(reader.read()).toEqual([]);
    expect(reader.offset).toBe(line.length);
  });

  it('skips lines that are no events and passes on unknown types', () => {
    writeFileSync(
      file(),
      [
        '{"v":2,"seq":1,"t":1,"type":"later","x":[1',
        '{"v":2,"seq":2,"t":1,"type":"comet"}',
        '2]}',
        'null',
        '[]',
        '',
      ].join('\n'),
    );
    expect(all().map((e) => e.type)).toEqual(['comet']);
  });

  it('starts again when the file was cut', () => {
    const writer = openEventWriter(dir);
    writer.write('note', { level: 'info', text: 'old, and rather long' });
    const reader = new EventReader(dir);
    reader.read();
    truncateSync(file(), 0);
    writer.write('note', { level: 'info', text: 'new' });
    writer.close();
    expect(texts(reader.read())).toEqual(['new']);
  });

  it('starts again when the file was replaced by another', () => {
    const writer = openEventWriter(dir);
    writer.write('note', { level: 'info', text: 'old' });
    writer.close();
    const reader = new EventReader(dir);
    reader.read();
    const old = readFileSync(file(), 'utf8');
    writeFileSync(join(dir, 'other'), old.replace('old', 'new') + old.replace('old', 'newer'));
    rmSync(file());
    writeFileSync(file(), readFileSync(join(dir, 'other')));
    // A file system may reuse the freed inode; then only the size tells the files apart, and what was appended is
    // read.
    expect(texts(reader.read()).at(-1)).toBe('newer');
  });

  it('passes over a line that is longer than any event', () => {
    const writer = openEventWriter(dir);
    writer.write('note', { level: 'info', text: 'x'.repeat(9 << 20) });
    writer.write('note', { level: 'info', text: 'y'.repeat(1 << 20) });
    writer.write('note', { level: 'info', text: 'end' });
    writer.close();
    expect(texts(all())).toEqual(['end']);
  });
});

describe('followEvents', () => {
  it('yields what is written while it waits, from the offset on, and ends with the signal', async () => {
    const writer = openEventWriter(dir);
    writer.write('note', { level: 'info', text: 'before' });
    const abort = new AbortController();
    const seen: string[] = [];
    const from = eventsEnd(dir);
    const reading = (async () => {
      for await (const batch of followEvents(dir, { signal: abort.signal, from, intervalMs: 5 })) {
        seen.push(...texts(batch));
        if (seen.length === 2) abort.abort();
      }
    })();
    writer.write('note', { level: 'info', text: 'one' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    writer.write('note', { level: 'info', text: 'two' });
    await reading;
    writer.close();
    expect(seen).toEqual(['one', 'two']);
  });

  it('waits for a file that is not there yet', async () => {
    const abort = new AbortController();
    setTimeout(() => {
      const writer = openEventWriter(dir);
      writer.write('note', { level: 'info', text: 'here' });
      writer.close();
    }, 20);
    for await (const batch of followEvents(dir, { signal: abort.signal, intervalMs: 5 })) {
      expect(texts(batch)).toEqual(['here']);
      abort.abort();
    }
  });
});
