import { Terminal } from '@xterm/headless';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { painter } from '../../src/terminal/painter.ts';

const size = { columns: 20, rows: 6 };

async function shown(frames: readonly (readonly string[])[]): Promise<{ screen: string[]; bytes: number[] }> {
  const terminal = new Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true });
  const bytes: number[] = [];
  const writes: Promise<void>[] = [];
  let sent = 0;
  const stream = painter((text) => {
    sent += Buffer.byteLength(text);
    writes.push(new Promise((resolve) => terminal.write(text, resolve)));
  }, size);
  for (const frame of frames) {
    sent = 0;
    stream.write(`${frame.join('\n')}\n`);
    bytes.push(sent);
  }
  await Promise.all(writes);
  const buffer = terminal.buffer.active;
  return {
    screen: Array.from({ length: size.rows }, (_, y) => buffer.getLine(y)?.translateToString(true) ?? ''),
    bytes,
  };
}

const line = fc.stringMatching(/^[a-z#]{0,19}$/);
const frame = fc.array(line, { minLength: 1, maxLength: size.rows });

describe('painter', () => {
  it('always leaves exactly the last frame on the screen', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
        const { screen } = await shown(frames);
        const last = frames.at(-1) ?? [];
        expect(screen).toEqual(Array.from({ length: size.rows }, (_, i) => last[i] ?? ''));
      }),
      { numRuns: 60 },
    );
  });

  it('sends nothing for a frame that is the same, and one line for one that changed', async () => {
    const { bytes } = await shown([
      ['one', 'two', 'three'],
      ['one', 'two', 'three'],
      ['one', '2', 'three'],
    ]);
    expect(bytes[1]).toBe(0);
    expect(bytes[2]).toBeLessThan(40);
  });
});
