// Spoils run.yaml files and caption files as people, editors and other programs do, and reads them.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { VisiontrainError } from '../src/base/errors.ts';
import { scanDataset } from '../src/engine/dataset/scan.ts';
import { loadSpec } from '../src/engine/prepare/load.ts';
import { loadRegistry } from '../src/registry/catalogue/load.ts';
import { draws } from './lib/random.mjs';

const [count, seed] = [Number(process.argv[2] ?? 3000), Number(process.argv[3] ?? 1)];
const SLOW_MS = 2000;
const dir = mkdtempSync(join(tmpdir(), 'vt-text-fuzz-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const registry = loadRegistry({ configDir: dir });

const { chance, below, oneOf } = draws(seed);

const VALUES = [
  ...[
    '',
    'null',
    '~',
    'true',
    'no',
    '-1',
    '0',
    '1e400',
    '.nan',
    '0x1F',
    '1_000',
    '12:30',
    '2026-11-30',
    '1e-4',
    '"1e-4"',
  ],
  ...[
    '[',
    '{',
    ']',
    '- -',
    '? a',
    '&a [*a]',
    '*a',
    '!!js/function x',
    '!!binary AAAA',
    '| \n  a',
    '>',
    '%',
    '@x',
    '`x`',
  ],
  ...[
    '"C:\\Users\\x"',
    '"\\u0000"',
    '\u001b[2J',
    '\u202eabc',
    '\ud83e',
    'a: b',
    'a #b',
    "'it''s",
    '[1, [2, [3]]]',
    '{a: {b: c}}',
  ],
  ...['~/x', 'file:///x', '../../x', '${HOME}', '$(id)', '__proto__', 'constructor', 'x'.repeat(5000), '1'.repeat(400)],
];
const KEYS = ['__proto__', 'toString', 'version', '<<', '? x', '"a b"', 'training', 'lr', '1', 'null', 'é', '- x'];

/** A line of YAML or of captions, changed in one of the ways that fit it. */
function spoiled(line) {
  const at = line.indexOf(':');
  switch (below(12)) {
    case 0:
      return [];
    case 1:
      return [line, line];
    case 2:
      return [` ${line}`];
    case 3:
      return [line.replace(/^ +/, '\t')];
    case 4:
      return [`${line.slice(0, at + 1)} ${oneOf(VALUES)}`];
    case 5:
      return [`${/^ */.exec(line)?.[0] ?? ''}${oneOf(KEYS)}: ${oneOf(VALUES)}`, line];
    case 6:
      return [line.slice(0, below(line.length + 1))];
    case 7:
      return [line.replaceAll(' ', '\u00a0')];
    case 8:
      return [line.replace(/["']/g, '\u201c')];
    case 9:
      return [line.toUpperCase()];
    case 10:
      return [line + oneOf([' ', '\r', '\u2028', '\u0000', ',', ';', ' # x', '\\'])];
    default:
      return [`${line.slice(0, at + 1)}${line.slice(at + 1).trim()}`];
  }
}

/** The text with one to three lines changed, in one of the encodings that editors write. */
function spoil(text) {
  let lines = text.split('\n');
  for (let n = below(3) + 1; n > 0; n -= 1) {
    const at = below(lines.length);
    lines = [...lines.slice(0, at), ...spoiled(lines[at] ?? ''), ...lines.slice(at + 1)];
  }
  const changed = lines.join(oneOf(['\n', '\n', '\n', '\r\n', '\r']));
  const bytes = Buffer.from(
    chance() < 0.1 ? `\ufeff${changed}` : changed,
    oneOf(['utf8', 'utf8', 'utf8', 'latin1', 'utf16le']),
  );
  for (let n = below(10) === 0 ? below(4) : 0; n > 0; n -= 1) bytes[below(bytes.length)] = below(256);
  return below(20) === 0 ? bytes.subarray(0, below(bytes.length + 1)) : bytes;
}

let wrong = 0;
function tell(what, bytes, why) {
  wrong += 1;
  if (wrong > 20) return;
  console.log(`${what}: ${why}`);
  console.log(`  ${JSON.stringify(bytes.toString('latin1').slice(0, 1500))}`);
}

/** @returns what is wrong with an error, if anything */
function problemOf(error) {
  if (!(error instanceof VisiontrainError)) return error.stack.split('\n').slice(0, 4).join(' | ');
  if (error.id === undefined) return `no id: ${error.message}`;
  return undefined;
}

const examples = join(import.meta.dirname, '..', 'examples');
const specs = readdirSync(examples)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(join(examples, name), 'utf8'));
const sums = { loaded: 0, refused: 0, scanned: 0 };
for (let i = 0; i < count; i += 1) {
  const bytes = spoil(oneOf(specs));
  const file = join(dir, 'run.yaml');
  writeFileSync(file, bytes);
  const start = performance.now();
  try {
    loadSpec(file, { registry });
    sums.loaded += 1;
  } catch (error) {
    sums.refused += 1;
    const problem = problemOf(error);
    if (problem !== undefined) tell(`spec ${i}`, bytes, problem);
  }
  if (performance.now() - start > SLOW_MS) tell(`spec ${i}`, bytes, `${Math.round(performance.now() - start)} ms`);
}

/** A PNG file of one colour. */
function png(value) {
  const crc = (data) => {
    let c = 0xffffffff;
    for (const byte of data) {
      c ^= byte;
      for (let k = 0; k < 8; k += 1) c = (c >>> 1) ^ (0xedb88320 & -(c & 1));
    }
    return (c ^ 0xffffffff) >>> 0;
  };
  const chunk = (type, body) => {
    const named = Buffer.concat([Buffer.from(type), body]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length);
    sum.writeUInt32BE(crc(named));
    return Buffer.concat([length, named, sum]);
  };
  const head = Buffer.from([0, 0, 0, 16, 0, 0, 0, 16, 8, 0, 0, 0, 0]);
  const rows = Buffer.alloc(17 * 16, value);
  for (let y = 0; y < 16; y += 1) rows[y * 17] = 0;
  const start = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([start, chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

const names = ['a.png', 'b c.png', '狐.png'];
const rows = names.map((file_name, i) => ({ file_name, text: `zwx, a fox, ${i}` }));
const CAPTIONS = {
  'metadata.jsonl': rows.map((row) => JSON.stringify(row)).join('\n'),
  'metadata.csv': `file_name,text\n${rows.map(({ file_name, text }) => `${file_name},"${text}"`).join('\n')}`,
  'captions.json': JSON.stringify(
    Object.fromEntries(rows.map(({ file_name, text }) => [file_name, { caption: text }])),
    null,
    1,
  ),
  'meta_lat.json': JSON.stringify(Object.fromEntries(rows.map(({ file_name, text }) => [file_name, { tags: text }]))),
  'a.json': JSON.stringify({ caption: 'zwx, a fox', tags: ['fox', 'red'] }, null, 1),
  'a.txt': 'zwx, (a fox:1.2), <lora:x:1>\n|||\nsecond line',
  'b c.caption': 'zwx, a bear',
};
for (let i = 0; i < count / 5; i += 1) {
  const root = join(dir, 'pictures');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  for (const [n, name] of names.entries()) writeFileSync(join(root, name), png(n + 1));
  const told = [];
  for (const [name, text] of Object.entries(CAPTIONS))
    if (chance() < 0.4) {
      const bytes = spoil(text);
      told.push(Buffer.from(`${name}\n`), bytes);
      writeFileSync(join(root, name), bytes);
    }
  const start = performance.now();
  try {
    const { images, notes } = await scanDataset(root, { captionExtension: oneOf(['.txt', '.caption', '.json']) });
    sums.scanned += 1;
    if (images.length !== names.length)
      tell(`captions ${i}`, Buffer.concat(told), `${images.length} images; ${notes.join('; ')}`);
  } catch (error) {
    const problem = problemOf(error);
    if (problem !== undefined) tell(`captions ${i}`, Buffer.concat(told), problem);
  }
  if (performance.now() - start > SLOW_MS) tell(`captions ${i}`, Buffer.concat(told), 'slow');
}
console.log(
  `${count} specs: ${sums.loaded} loaded, ${sums.refused} refused; ${sums.scanned} folders scanned; ${wrong} wrong`,
);
process.exitCode = wrong > 0 ? 1 : 0;
