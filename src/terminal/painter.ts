/**
 * Draws Ink's frames on the alternate screen. It sends only the lines that changed, each to its own row: that is a
 * handful of bytes a second, nothing can scroll, and it does not matter where the cursor was left.
 */
import type { Size } from './size.ts';

/** A stand-in for stdout that takes whole frames. It says that it is no TTY, so Ink leaves the cursor alone. */
export function painter(write: (text: string) => void, { columns, rows }: Size): NodeJS.WriteStream {
  let before: readonly string[] = [];
  let cleared = false;
  const paint = (frame: string): boolean => {
    const lines = frame.replace(/\n$/, '').split('\n').slice(0, rows);
    const height = Math.max(lines.length, before.length);
    let out = cleared ? '' : '\u001b[2J';
    for (let i = 0; i < height; i += 1) {
      const line = lines[i] ?? '';
      if (!cleared || line !== (before[i] ?? '')) out += `\u001b[${i + 1};1H${line}\u001b[0m\u001b[K`;
    }
    // Terminals that know synchronised output never show half a frame.
    if (out !== '') write(`\u001b[?2026h${out}\u001b[?2026l`);
    before = lines;
    cleared = true;
    return true;
  };
  const stream = {
    columns,
    rows,
    isTTY: false,
    write: paint,
    on: () => stream,
    off: () => stream,
    removeListener: () => stream,
  };
  return stream as unknown as NodeJS.WriteStream;
}
