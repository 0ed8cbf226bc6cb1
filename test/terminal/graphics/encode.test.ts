import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Graphics, GraphicsKind } from '../../../src/terminal/graphics/answers.ts';
import { aside, emptyRows, imageSequence, scaled } from '../../../src/terminal/graphics/encode.ts';
import { ImageLayer } from '../../../src/terminal/graphics/layer.ts';
import { indexed } from '../../../src/terminal/graphics/palette.ts';
import { decodePng, type Pixels } from '../../../src/terminal/graphics/png.ts';
import { pngFile } from '../../../src/terminal/graphics/png-file.ts';

/** A square of red, green, blue and white. */
const SQUARE: Pixels = {
  width: 2,
  height: 2,
  rgb: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255),
};
const on = (kind: GraphicsKind): Graphics => ({ kind, cell: [10, 20] });
/** An area of two cells by one: 20 × 20 pixels. */
const drawn = (kind: GraphicsKind) => imageSequence(scaled(SQUARE, { columns: 2, rows: 1 }, on(kind)), on(kind));
const sha = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

describe('an image', () => {
  it('fits into its area in its own shape', () => {
    expect(scaled(SQUARE, { columns: 30, rows: 5 }, on('sixel'))).toMatchObject({
      image: { width: 100, height: 100 },
      columns: 10,
      rows: 5,
    });
    expect(scaled({ ...SQUARE, width: 4, height: 1 }, { columns: 8, rows: 9 }, on('sixel'))).toMatchObject({
      image: { width: 80, height: 20 },
      columns: 8,
      rows: 1,
    });
  });

  it.each([
    // tmux 3.5 has 40 rows of 15 pixels for 585 of them, and fills the fortieth.
    [
      { width: 64, height: 128 },
      { width: 37 * 8, height: 97 * 6 },
      { columns: 37, rows: 39 },
    ],
    [
      { width: 128, height: 64 },
      { width: 74 * 8, height: 50 * 6 },
      { columns: 74, rows: 20 },
    ],
    [
      { width: 1000, height: 1 },
      { width: 74 * 8, height: 2 * 6 },
      { columns: 74, rows: 1 },
    ],
  ])('has whole cells in tmux: %o', (size, pixels, cells) => {
    const image = { ...size, rgb: new Uint8Array(size.width * size.height * 3) };
    const inTmux: Graphics = { kind: 'sixel', cell: [8, 15], tmux: true };
    expect(scaled(image, { columns: 74, rows: 39 }, inTmux)).toMatchObject({ image: pixels, ...cells });
  });

  it('is sent to kitty in parts of the size that kitty accepts, with its own pixels', () => {
    const text = drawn('kitty');
    const [, head, data] = /^._G([^;]*);([^;]*).\\$/u.exec(text) ?? [];
    expect(head).toBe('a=T,f=24,o=z,s=20,v=20,C=1,q=2,m=0');
    const rgb = inflateSync(Buffer.from(data ?? '', 'base64'));
    expect([...rgb.subarray(0, 3), ...rgb.subarray(19 * 60 + 57)]).toEqual([255, 0, 0, 255, 255, 255]);
    const noise = createHash('shake256', { outputLength: 60 * 60 * 3 })
      .update('noise')
      .digest();
    const long = imageSequence({ image: { width: 60, height: 60, rgb: noise }, columns: 6, rows: 3 }, on('kitty'));
    const parts = long.split('\u001b\\').slice(0, -1);
    expect(parts.map((part) => part.length).every((length) => length < 4200)).toBe(true);
    expect(parts.map((part) => /m=(\d);/u.exec(part)?.[1]).join('')).toMatch(/^1+0$/u);
    const unknown: Graphics = { kind: 'kitty', cell: undefined };
    expect(imageSequence(scaled(SQUARE, { columns: 2, rows: 1 }, unknown), unknown)).toContain(',c=2,r=1,');
  });

  it('is sent to iTerm2 as a PNG file', () => {
    const [, size, data = ''] = /^.\]1337;File=inline=1;size=(\d+);(?:[^:]*):(.*).$/u.exec(drawn('iterm2')) ?? [];
    expect(drawn('iterm2')).toContain(';width=2;height=1;preserveAspectRatio=1:');
    const file = Buffer.from(data, 'base64');
    expect(Number(size)).toBe(file.length);
    const { width, height, rgb } = decodePng(file);
    expect([width, height, ...rgb.subarray(0, 3)]).toEqual([20, 20, 255, 0, 0]);
  });

  it('is sent as sixels with these bytes', () => {
    const text = drawn('sixel');
    expect(text).toMatch(/^.P0;1q"1;1;20;20#0;2;/u);
    expect(readSixels(text)).toEqual({
      width: 20,
      height: 20,
      corners: ['100,0,0', '0,100,0', '0,0,100', '100,100,100'],
    });
    expect(sha(text)).toBe('a03bbca3975cce46');
  });
});

/** Size of the image and colours of its corners, as percent of red, green and blue, by a reader of the format. */
function readSixels(text: string) {
  const [, width = '', height = '', body = ''] = /"1;1;(\d+);(\d+)(.*).\\$/su.exec(text) ?? [];
  const colours = new Map(
    [...body.matchAll(/#(\d+);2;(\d+);(\d+);(\d+)/gu)].map(([, i, ...rgb]) => [i, rgb.join(',')]),
  );
  const at = new Map<string, string | undefined>();
  let [x, y, colour] = [0, 0, ''];
  for (const [, set, count, sign, move] of body
    .replaceAll(/#\d+;2;\d+;\d+;\d+/gu, '')
    .matchAll(/#(\d+)|!?(\d*)([?-~])|([$-])/gu)) {
    if (set !== undefined) colour = set;
    else if (move === '$') x = 0;
    else if (move === '-') [x, y] = [0, y + 6];
    else
      for (let i = 0; i < Number(count || 1); i += 1, x += 1)
        for (let bit = 0; bit < 6; bit += 1)
          if (((sign ?? '?').charCodeAt(0) - 63) & (1 << bit)) at.set(`${x},${y + bit}`, colours.get(colour));
  }
  const [right, bottom] = [Number(width) - 1, Number(height) - 1];
  const corners = [`0,0`, `${right},0`, `0,${bottom}`, `${right},${bottom}`].map((place) => at.get(place));
  return { width: Number(width), height: Number(height), corners };
}

describe('256 colours', () => {
  const worstOf = (rgb: Uint8Array, width: number) => {
    const { palette, places } = indexed({ width, height: rgb.length / 3 / width, rgb });
    expect(palette.length).toBeLessThanOrEqual(256 * 3);
    return Math.max(
      ...rgb.map((value, i) => Math.abs(value - (palette[(places[Math.floor(i / 3)] ?? 0) * 3 + (i % 3)] ?? 0))),
    );
  };

  it('show an image of more colours, with none far off', () => {
    const rgb = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => ((i % 3) * 40 + Math.floor(i / 3 / 64) * 3) % 256);
    expect(worstOf(rgb, 64)).toBeLessThan(8);
  });

  it('begin with the colour that the image ends with', () => {
    expect([...indexed(SQUARE).palette.subarray(0, 3)]).toEqual([255, 255, 255]);
  });

  it('keep the colour of a flat area', () => {
    const rgb = Uint8Array.from({ length: 16 * 3 }, (_, i) => [215, 199, 240][i % 3] ?? 0);
    expect([...indexed({ width: 4, height: 4, rgb }).palette]).toEqual([215, 199, 240]);
  });

  it('show a few bright dots on a wide gradient as they are', () => {
    const rgb = new Uint8Array(128 * 128 * 3);
    for (let i = 0; i < 128 * 128; i += 1) rgb.set([(i % 128) * 2, Math.floor(i / 128) * 2, 128], i * 3);
    for (const [at, dot] of [
      [70, [0, 255, 0]],
      [5000, [255, 255, 255]],
      [9000, [255, 0, 0]],
    ] as const)
      rgb.set(dot, at * 3);
    expect(worstOf(rgb, 128)).toBeLessThan(16);
  });
});

/** A layer that shows the square on two rows of eight cells. */
function shown(kind: GraphicsKind) {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-layer-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'square.png');
  writeFileSync(path, pngFile(SQUARE));
  const written: string[] = [];
  let redrawn = 0;
  const layer = new ImageLayer(on(kind), { write: (text) => written.push(text), redraw: () => (redrawn += 1) });
  const row = { top: 4, rows: 2, images: [{ path, column: 0, columns: 8 }] };
  layer.put(row);
  return { layer, written, redraws: () => redrawn, row, settled };
}

/** Longer than the layer waits for the text. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 250));

describe('the layer of images', () => {
  it('moves no cursor, clears only its rows, and removes kitty’s images at the end', () => {
    // tmux 3.4 to 3.8 keep an image when a row without text is erased as a whole only.
    expect(emptyRows(3, 2, on('sixel'))).toBe('\u001b[4;1H\u001b[1K\u001b[2K\u001b[5;1H\u001b[1K\u001b[2K');
    expect(aside('x', on('sixel'))).toBe('\u001b[?2026h\u001b7x\u001b8\u001b[?2026l');
    expect(aside('x', { ...on('sixel'), tmux: true })).toBe('\u001b7x\u001b8');
    expect(emptyRows(0, 0, on('kitty'))).toBe('\u001b_Ga=d,d=A,q=2\u001b\\');
  });

  it('draws once after the text, again when the screen was cleared, and has the text redrawn when its rows go', async () => {
    const written: string[] = [];
    let redrawn = 0;
    const layer = new ImageLayer(on('sixel'), { write: (text) => written.push(text), redraw: () => (redrawn += 1) });
    const row = { top: 4, rows: 3, images: [{ path: '/nowhere.png', column: 0, columns: 9 }] };
    layer.put(row);
    layer.put({ ...row });
    await settled();
    expect(written).toHaveLength(1);
    layer.wiped();
    await settled();
    expect(written).toHaveLength(2);
    layer.put({ ...row, images: [] });
    await settled();
    expect([written.length, redrawn]).toEqual([3, 0]);
    layer.put(undefined);
    await settled();
    expect([written.length, redrawn]).toEqual([3, 1]);
    layer.close();
  });

  it('removes its images before the terminal is given away, draws none meanwhile, and all again afterwards', async () => {
    const { layer, written, settled, row } = shown('kitty');
    await settled();
    written.splice(0);
    layer.pause();
    expect(written.splice(0)).toEqual([emptyRows(0, 0, on('kitty'))]);
    layer.put({ ...row, images: [] });
    await settled();
    layer.resume();
    expect(written).toEqual([]);
    await settled();
    expect(written.splice(0)).toHaveLength(1);
    layer.wiped();
    layer.close();
    written.splice(0);
    await settled();
    expect(written).toEqual([]);
  });

  it('has everything redrawn when a cell has another size, with images of that size', async () => {
    const { layer, written, redraws, settled } = shown('sixel');
    await settled();
    layer.zoomed([10, 20]);
    expect(redraws()).toBe(0);
    layer.zoomed([5, 10]);
    expect(redraws()).toBe(1);
    layer.wiped();
    written.splice(0);
    await settled();
    expect(written.join('')).toContain('"1;1;20;20');
    layer.close();
  });
});
