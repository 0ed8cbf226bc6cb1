// Imports every settings file of other trainers below a folder, and counts what became of it:
//   node bench/import-corpus.mjs FOLDER [--words]
// The files are others' and lie in no repository of ours: fetch presets of kohya_ss, OneTrainer, ai-toolkit and so on into
// FOLDER/TOOL/…. `--words` lists each word without a counterpart, and how many files have it. It ends with 1 when a word is
// unknown, or when anything but a refusal in words came out.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, relative, sep } from 'node:path';
import { VisiontrainError } from '../src/base/errors.ts';
import { importSettings } from '../src/engine/import/import.ts';
import { loadRegistry } from '../src/registry/catalogue/load.ts';

const [folder = '.', flag] = process.argv.slice(2);
const empty = mkdtempSync(join(tmpdir(), 'visiontrain-corpus-'));
process.on('exit', () => rmSync(empty, { recursive: true, force: true }));
const registry = loadRegistry({ configDir: empty });
const FORMS = new Set(['.json', '.toml', '.yaml', '.yml', '.safetensors']);

const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && FORMS.has(extname(entry.name).toLowerCase()))
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();
const tools = new Map();
const words = new Map();
const unknown = new Map();
const refusals = new Map();
let broken = 0;

/** Adds one to a count, and keeps the first file that had it. */
function tally(map, key, file) {
  const before = map.get(key);
  map.set(key, { count: (before?.count ?? 0) + 1, file: before?.file ?? file });
}

/** Files that name a base on somebody's own disk are imported with the base that `--base` would name. */
function imported(file) {
  try {
    return importSettings(file, { registry, folder: empty });
  } catch (error) {
    if (error.id !== 'import/base') throw error;
    return importSettings(file, { registry, folder: empty, base: 'sd15' });
  }
}

for (const file of files) {
  const name = relative(folder, file);
  const tool = name.split(sep)[0];
  const row = tools.get(tool) ?? {
    files: 0,
    imported: 0,
    refused: 0,
    taken: 0,
    changed: 0,
    lost: 0,
    unknown: 0,
    secrets: 0,
    off: 0,
  };
  tools.set(tool, row);
  row.files += 1;
  try {
    const found = imported(file);
    row.imported += 1;
    row.taken += found.taken.length;
    row.changed += found.changed.length;
    row.lost += found.lost.length;
    row.secrets += found.dangerous.length;
    row.off += found.off;
    row.unknown += found.unknown.length;
    for (const word of found.unknown) tally(unknown, word, name);
    for (const { theirs, why } of found.lost) tally(words, `${theirs.split(':')[0].split('.').at(-1)} — ${why}`, name);
  } catch (error) {
    if (!(error instanceof VisiontrainError)) {
      broken += 1;
      console.error(`${name}: ${error.stack}`);
      continue;
    }
    row.refused += 1;
    tally(refusals, `${error.id}: ${error.message.replaceAll(/\S*[/\\]/gu, '').slice(0, 110)}`, name);
  }
}

const columns = ['files', 'imported', 'refused', 'taken', 'changed', 'lost', 'unknown', 'secrets', 'off'];
const line = (first, cells) => console.log(first.padEnd(16) + cells.map((cell) => String(cell).padStart(9)).join(''));
line('tool', columns);
for (const [tool, row] of tools)
  line(
    tool,
    columns.map((column) => row[column]),
  );
const list = (head, map) => {
  if (map.size === 0) return;
  console.log(`\n${head}`);
  for (const [key, { count, file }] of [...map].sort((a, b) => b[1].count - a[1].count))
    console.log(`${String(count).padStart(4)}  ${key}   (${file})`);
};
list('Refused, in these words:', refusals);
if (flag === '--words') list('Without a counterpart:', words);
list('UNKNOWN WORDS:', unknown);
process.exitCode = unknown.size > 0 || broken > 0 ? 1 : 0;
