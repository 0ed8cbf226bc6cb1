import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/terminal/graphics/png.ts';
import { halfBlocks, mayHaveGraphics, renderImage, renderImagePair } from '../../src/terminal/images.ts';
import { Styled } from '../../src/terminal/styled.ts';
import { png } from '../helpers/png.ts';

const gradient = (x: number, y: number) => [x * 40, y * 30, 200 - x * 10] as const;
const pixels = (width: number, height: number) =>
  Array.from({ length: width * height }, (_, i) => gradient(i % width, Math.floor(i / width))).flat();

describe('decodePng', () => {
  it.each([0, 1, 2] as const)('reads back what was written with row filter %i', (filter) => {
    const { width, height, rgb } = decodePng(png(6, 5, gradient, filter));
    expect([width, height]).toEqual([6, 5]);
    expect([...rgb]).toEqual(pixels(6, 5));
  });

  it.each([
    ['no PNG', Buffer.from('GIF89a')],
    ['cut short', png(40, 40, gradient).subarray(0, 60)],
    ['an impossible size', withSize(png(4, 4, gradient), 1 << 30, 1 << 30)],
  ])('refuses %s', (_what, file) => {
    expect(() => decodePng(file)).toThrow();
  });

  it('reads what Pillow writes: rows filtered by neighbours (Paeth)', () => {
    const file = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAZ0lEQVR4nI3LWQrCMAAA0QlRQpFBRERK8f5X8UJV6/5XSpc08H5fgKsBI24xYYU7FPd4wCOe8Iw1NnhhkyIp/FIs1YdvoWH4lBiF96ppeOXNhmfGUuiWZMJjVj7cp1bDbaQktD1j+weQF6toE6gqzgAAAABJRU5ErkJggg==',
      'base64',
    );
    const { width, height, rgb } = decodePng(file);
    expect([width, height]).toEqual([16, 12]);
    const expected = Array.from({ length: 16 * 12 }, (_, i) => [i % 16, Math.floor(i / 16)] as const).flatMap(
      ([x, y]) => [(x * 13 + y * 7) % 256, (x * x + y * 3) % 256, (200 - x * y) & 255],
    );
    expect([...rgb]).toEqual(expected);
  });
});

function withSize(file: Buffer, width: number, height: number): Buffer {
  const copy = Buffer.from(file);
  copy.writeUInt32BE(width, 16);
  copy.writeUInt32BE(height, 20);
  return copy;
}

describe('halfBlocks', () => {
  const room = { columns: 4, rows: 3, colour: 3, unicode: true };

  it('shows two pixels a cell: the upper one as foreground, the lower one as background', () => {
    const image = { width: 1, height: 2, rgb: Uint8Array.from([255, 0, 0, 0, 0, 255]) };
    expect(halfBlocks(image, { ...room, columns: 1, rows: 1 }).map((line) => line.ansi())).toEqual([
      '\u001b[38;2;255;0;0;48;2;0;0;255m▀\u001b[0m',
    ]);
  });

  it('keeps the shape and stays inside its area', () => {
    const wide = { width: 40, height: 10, rgb: new Uint8Array(1200) };
    const lines = halfBlocks(wide, { ...room, columns: 20, rows: 20 });
    expect(lines).toHaveLength(3);
    expect(String(lines[0]).split('▀')).toHaveLength(21);
  });

  it('sends a colour once for a run of cells', () => {
    const flat = { width: 8, height: 2, rgb: new Uint8Array(48).fill(9) };
    const [line] = halfBlocks(flat, { ...room, columns: 8, rows: 1 });
    expect(line?.ansi().split('\u001b[38')).toHaveLength(2);
  });

  it('takes the nearest of 256 colours', () => {
    const image = { width: 2, height: 2, rgb: Uint8Array.from([255, 0, 0, 128, 128, 128, 255, 0, 0, 128, 128, 128]) };
    const [line] = halfBlocks(image, { columns: 2, rows: 1, colour: 2, unicode: true });
    expect(line?.ansi()).toContain('38;5;196;48;5;196m');
    expect(line?.ansi()).toContain('38;5;244;48;5;244m');
  });
});

describe('renderPicturePair', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'visiontrain-pictures-'));
    writeFileSync(
      join(dir, 'a.png'),
      png(64, 64, () => [200, 30, 30]),
    );
    writeFileSync(
      join(dir, 'b.png'),
      png(64, 64, () => [30, 30, 200]),
    );
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const room = { columns: 50, rows: 9, colour: 3, unicode: true };
  const pair = () => ({ without: join(dir, 'a.png'), with: join(dir, 'b.png') });

  it('puts both side by side under their names', () => {
    const [head = '', first = '', ...more] = renderImagePair(pair(), room).map((line) => Styled.of(line).ansi());
    expect(head).toMatch(/^without the LoRA {2}with it$/);
    expect(first).toMatch(/200;30;30.*30;30;200/);
    expect(more).toHaveLength(7);
  });

  it('cuts no heading where images are narrower than it', () => {
    const [head = '', first] = renderImagePair(pair(), { ...room, rows: 5 });
    expect(String(head)).toBe('without the LoRA  with it');
    expect(String(first)).toMatch(/^▀{8} {10}▀{8}$/);
  });

  it.each([
    ['no colours', { colour: 0 }],
    ['sixteen colours', { colour: 1 }],
    ['no Unicode', { unicode: false }],
  ])('names the files with %s', (_why, less) => {
    const lines = renderImagePair(pair(), { ...room, columns: 200, ...less });
    expect(lines).toEqual([`without  ${dir}/a.png`, `with     ${dir}/b.png`]);
  });

  it('names the files when one cannot be read', () => {
    const lines = renderImagePair({ ...pair(), with: join(dir, 'none.png') }, { ...room, columns: 200 });
    expect(lines[1]).toBe(`with     ${dir}/none.png`);
  });
});

describe('renderPicture', () => {
  it('waits for no FIFO and reads no device: a run folder may be a stranger’s', () => {
    const dir = mkdtempSync(join(tmpdir(), 'vt-sample-'));
    const room = { columns: 4, rows: 3, colour: 3, unicode: true };
    execFileSync('mkfifo', [join(dir, 'fifo.png')]);
    symlinkSync('/dev/zero', join(dir, 'device.png'));
    for (const name of ['fifo.png', 'device.png', 'none.png'])
      expect(renderImage(join(dir, name), room)).toBeUndefined();
    rmSync(dir, { recursive: true });
  });
});

it('a terminal of sixteen colours is asked for graphics too, as xterm has sixels', () => {
  expect(mayHaveGraphics({ colour: 1, unicode: true })).toBe(true);
  expect(mayHaveGraphics({ colour: 0, unicode: true })).toBe(false);
  expect(mayHaveGraphics({ colour: 3, unicode: false })).toBe(false);
});
