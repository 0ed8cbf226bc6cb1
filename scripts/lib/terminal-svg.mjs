// A captured terminal screen (text with colour codes) → SVG. Blocks, lines and braille dots are drawn as shapes, so
// that the picture looks the same whichever fonts the reader has.
import xterm from '@xterm/headless';

const CELL = { width: 8.4, height: 18 };
const PAD = 18;
const BASE = { fg: '#d6dae0', bg: '#14171c' };
const ANSI = ['#3b4048', '#e8747c', '#86c98a', '#e6c27a', '#6ea8e8', '#c792ea', '#5cc5d8', '#d6dae0'];

/** @param screen the output of `tmux capture-pane -e` */
export async function terminalSvg(screen, { columns, rows, title }) {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  await new Promise((resolve) => terminal.write(screen.replace(/\n$/, ''), resolve));
  const body = [];
  for (let y = 0; y < rows; y += 1) body.push(...drawLine(terminal.buffer.active.getLine(y), y, columns));
  const width = columns * CELL.width + 2 * PAD;
  const height = rows * CELL.height + 2 * PAD;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${n(width)} ${n(height)}" width="${n(width)}" height="${n(height)}" role="img">`,
    `<title>${xml(title)}</title>`,
    `<rect width="100%" height="100%" rx="10" fill="${BASE.bg}"/>`,
    `<g transform="translate(${PAD} ${PAD})" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">`,
    ...body,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function drawLine(line, y, columns) {
  const out = [];
  const runs = [];
  for (let x = 0; x < columns; x += 1) {
    const cell = line?.getCell(x);
    if (cell === undefined || cell.getWidth() === 0) continue;
    const sign = cell.getChars() || ' ';
    const look = lookOf(cell);
    if (look.bg !== undefined) out.push(rect(x, y, 0, 0, 1, 1, look.bg, 1));
    const shape = drawSign(sign, x, y, look);
    if (shape !== undefined) out.push(...shape);
    else if (sign !== ' ') {
      const last = runs.at(-1);
      if (last && last.end === x && same(last.look, look))
        Object.assign(last, { text: last.text + sign, end: x + cell.getWidth() });
      else runs.push({ x, end: x + cell.getWidth(), text: sign, look });
    }
  }
  for (const { x, end, text, look } of runs) {
    const weight = look.bold ? ' font-weight="700"' : '';
    const length = ` textLength="${n((end - x) * CELL.width)}" lengthAdjust="spacingAndGlyphs"`;
    out.push(
      `<text x="${n(x * CELL.width)}" y="${n(y * CELL.height + 13.5)}" fill="${look.fg}"${faint(look)}${weight}${length}>${xml(text)}</text>`,
    );
  }
  return out;
}

const same = (a, b) => a.fg === b.fg && a.bold === b.bold && a.opacity === b.opacity;

function lookOf(cell) {
  return {
    fg: colour(cell.isFgRGB(), cell.isFgPalette(), cell.getFgColor()) ?? BASE.fg,
    bg: colour(cell.isBgRGB(), cell.isBgPalette(), cell.getBgColor()),
    bold: cell.isBold() !== 0,
    opacity: cell.isDim() !== 0 ? 0.62 : 1,
  };
}

function colour(isRgb, isPalette, value) {
  if (isRgb) return `#${value.toString(16).padStart(6, '0')}`;
  if (!isPalette) return undefined;
  if (value < 16) return ANSI[value % 8];
  if (value >= 232)
    return `rgb(${Array(3)
      .fill((value - 232) * 10 + 8)
      .join()})`;
  const level = (i) => (i === 0 ? 0 : i * 40 + 55);
  const at = value - 16;
  return `rgb(${[Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map(level).join()})`;
}

const EIGHTHS = '▏▎▍▌▋▊▉';

function drawSign(sign, x, y, look) {
  const { fg, opacity } = look;
  if (sign === '█') return [rect(x, y, 0, 0.12, 1, 0.76, fg, opacity)];
  if (sign === '▀') return [rect(x, y, 0, 0, 1, 0.5, fg, opacity)];
  if (EIGHTHS.includes(sign)) return [rect(x, y, 0, 0.12, (EIGHTHS.indexOf(sign) + 1) / 8, 0.76, fg, opacity)];
  if (sign === '─') return [rect(x, y, 0, 0.47, 1, 0.06, fg, opacity)];
  if (sign === '│') return [rect(x, y, 0.46, 0, 0.1, 1, fg, opacity)];
  if (sign === '└')
    return [rect(x, y, 0.46, 0, 0.1, 0.53, fg, opacity), rect(x, y, 0.46, 0.47, 0.54, 0.06, fg, opacity)];
  if (sign === '┤') return [rect(x, y, 0.46, 0, 0.1, 1, fg, opacity), rect(x, y, 0, 0.47, 0.5, 0.06, fg, opacity)];
  const dots = sign.codePointAt(0) - 0x2800;
  if (dots < 0 || dots > 255) return undefined;
  const places = [0, 1, 2, 6, 3, 4, 5, 7];
  return places.flatMap((bit, i) => {
    if ((dots & (1 << bit)) === 0) return [];
    const cx = (x + (i < 4 ? 0.27 : 0.77)) * CELL.width;
    const cy = (y + 0.125 + 0.25 * (i % 4)) * CELL.height;
    return [`<circle cx="${n(cx)}" cy="${n(cy)}" r="1.5" fill="${fg}"${faint(look)}/>`];
  });
}

function rect(x, y, dx, dy, width, height, fill, opacity) {
  // The shape is a hair wider than the cell, so that neighbours leave no seam.
  const seam = width === 1 ? 0.25 : 0;
  return `<rect shape-rendering="crispEdges" x="${n((x + dx) * CELL.width)}" y="${n((y + dy) * CELL.height)}" width="${n(width * CELL.width + seam)}" height="${n(height * CELL.height + (height === 0.5 || height === 1 ? 0.25 : 0))}" fill="${fill}"${faint({ opacity })}/>`;
}

const faint = ({ opacity }) => (opacity === 1 ? '' : ` opacity="${opacity}"`);
const n = (value) => String(Math.round(value * 100) / 100);
const xml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
