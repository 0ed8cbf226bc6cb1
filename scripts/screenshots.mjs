// `node scripts/screenshots.mjs [wizard] [demo]` makes the pictures of the README from real terminal sessions: the
// wizard on the bundled images, the demo's dashboard and its end. Run it again after the screens changed.
import './lib/node.mjs';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { terminalSvg } from './lib/terminal-svg.mjs';

const root = join(import.meta.dirname, '..');
const images = join(root, 'docs', 'images');
const wanted = process.argv.slice(2);
const bin = [process.execPath, join(root, 'bin', 'visiontrain')];

// The terminal that the tests use too.
const helper = join(root, '.cache', 'tmux.mjs');
await build({ entryPoints: [join(root, 'test/helpers/tmux.ts')], outfile: helper, format: 'esm', platform: 'node' });
const { Terminal } = await import(helper);

mkdirSync(images, { recursive: true });
const dir = mkdtempSync(join(tmpdir(), 'visiontrain-pictures-'));
const env = { VISIONTRAIN_HOME: join(dir, 'home'), HOME: dir };
if (process.env.VISIONTRAIN_PYTHON) env.VISIONTRAIN_PYTHON = process.env.VISIONTRAIN_PYTHON;

async function image(terminal, name, title, { columns, rows }) {
  writeFileSync(join(images, `${name}.svg`), await terminalSvg(terminal.colours(), { columns, rows, title }));
  console.error(`docs/images/${name}.svg`);
}

async function wizard() {
  const size = { columns: 80, rows: 24 };
  cpSync(join(root, 'presets', 'tiny', 'lesson'), join(dir, 'doodles'), { recursive: true });
  const terminal = new Terminal(bin, { ...size, cwd: dir, env });
  try {
    await terminal.shows(/1\/7 {2}Mode[\s\S]*Ctrl-C/);
    await image(terminal, 'wizard-start', 'The first question of the wizard', size);
    terminal.keys('Enter');
    await terminal.shows('2/7  Data set');
    await terminal.shows('doodles/');
    terminal.keys('Enter');
    for (let i = 0; i < 6 && !/3\/7 {2}Model/.test(terminal.screen().join('\n')); i += 1) {
      await terminal.shows(/(goal|teach|word calls|no caption|3\/7)/);
      terminal.keys('Enter');
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    await terminal.shows(/3\/7 {2}Model[\s\S]*Ctrl-C/);
    await image(terminal, 'wizard-model', 'The wizard asks for the base model', size);
    for (const question of ['How long?', 'How strong?', 'How detailed?', '6/7  Review']) {
      terminal.keys('Enter');
      await terminal.shows(question);
    }
    await terminal.shows(/Start now[\s\S]*Ctrl-C/);
    await image(terminal, 'wizard-review', 'The review: every answer, who chose it, and what to do now', size);
  } finally {
    terminal.close();
  }
}

async function demo() {
  const size = { columns: 110, rows: 32 };
  const terminal = new Terminal([...bin, 'demo'], { ...size, cwd: dir, env });
  try {
    await terminal.shows(/ (6\d|7\d) % {3}ends [\s\S]*\? help/, 600_000);
    await image(terminal, 'dashboard', 'A run on the dashboard', size);
    await terminal.shows(/\[exit \d+\]/, 600_000);
    await image(terminal, 'end', 'The end of a run', size);
  } finally {
    terminal.close();
  }
}

try {
  if (wanted.length === 0 || wanted.includes('wizard')) await wizard();
  if (wanted.length === 0 || wanted.includes('demo')) await demo();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
