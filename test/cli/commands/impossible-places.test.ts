/** Commands that write to a place that a person names, on places where nothing can be: a sentence, and nothing left. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FixtureHome } from '../../helpers/fixture-run.ts';
import { safetensors } from '../../helpers/safetensors.ts';
import { tellRun } from '../../helpers/told-run.ts';

const bin = join(import.meta.dirname, '../../../bin/visiontrain');
const lesson = join(import.meta.dirname, '../../../presets/tiny/lesson-style');
const home = new FixtureHome();
const python = process.env.VISIONTRAIN_TEST_PYTHON;
const name = 'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q';
const lora = safetensors({ [`${name}.lora_down.weight`]: [32, 128], [`${name}.lora_up.weight`]: [128, 32] });
const run = tellRun(home, {
  name: 'fox',
  alike: true,
  exit: { outputs: [{ path: 'output/fox.safetensors', bytes: lora.length, sha256: sha256(lora) }] },
});
mkdirSync(join(run.dir, 'output'), { recursive: true });
writeFileSync(join(run.dir, 'output', 'fox.safetensors'), lora);
const file = join(home.dir, 'fox.safetensors');
writeFileSync(file, lora);
const place = join(home.dir, 'places');
afterAll(async () => {
  chmodSync(join(place, 'locked'), 0o700);
  await home.remove();
});

mkdirSync(join(place, 'folder'), { recursive: true });
mkdirSync(join(place, 'locked'), { mode: 0o500 });
mkdirSync(join(place, 'room'));
writeFileSync(join(place, 'file'), 'mine');

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Runs a command; with `most`, no file that it writes may have more blocks than that, as on a disk that is full. */
function visiontrain(words: readonly string[], env = home.env, most?: number) {
  const limit = most === undefined ? '' : `ulimit -f ${most}; `;
  const script = `${limit}exec "$@"`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', process.execPath, bin, ...words], {
    cwd: place,
    env,
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

const left = () => readdirSync(place, { recursive: true }).toSorted();

/** Each command up to the place, and whether a folder or a file comes of it. */
const commands = [
  [['publish', 'kit', 'fox', '--to'], 'folder'],
  [['export', 'fox', '--bundle'], 'file'],
  [['report', 'fox', '-o'], 'file'],
  [['new', lesson, '--yes', '--no-start', '-o'], 'file'],
  [['dataset', 'check', lesson, '--html'], 'file'],
  [['sample', '--lora', file, '--prompt', 'a', '--base', 'tiny', '-o'], 'folder'],
  [['lora', 'resize', file, '--rank', '1', '-o'], 'file'],
  [['lora', 'merge', file, file, '-o'], 'file'],
  [['lora', 'merge', file, '--into', 'tiny', '-o'], 'folder'],
  [['lora', 'convert', file, '--to', 'diffusers', '-o'], 'file'],
  [['lora', 'edit', file, '--title', 'mine', '-o'], 'file'],
] as const;

/** Whether a command has a Python with numpy make its file. */
const isMade = ([first, second]: readonly string[]) => first === 'lora' && second !== 'edit';
/** Compiled modules would be cut short too, and then be read by whoever comes next. */
const envOf = (words: readonly string[]) =>
  isMade(words) ? { ...home.env, VISIONTRAIN_PYTHON: python, PYTHONDONTWRITEBYTECODE: '1' } : home.env;

/** Root may write everywhere but where the kernel allows it nobody. */
const locked = process.getuid?.() === 0 ? '/sys' : join(place, 'locked');
const impossible = ['/proc/there/is', join(place, 'file'), locked];
const ENDING = /\.(?:ts|js):\d|\bE[A-Z]{4,}\b|Traceback|\.tmp\b/u;

describe('a place where nothing can be made', () => {
  it.skipIf(process.platform !== 'linux').each(commands.map(([words], i) => [words, impossible[i % 3] ?? '']))(
    '%j %s',
    (words, folder) => {
      const before = left();
      const { code, stdout, stderr } = visiontrain([...words, join(folder, 'new', 'x')]);
      // The contact sheet makes no folder.
      expect([code, stdout], stderr).toEqual([words[0] === 'dataset' ? 2 : 3, '']);
      expect(stderr).toMatch(
        /(?:cannot be made|cannot be written to|cannot be written): .+\.\n {2}Choose another place|There is no folder .+\n {2}Take/u,
      );
      expect(stderr).not.toMatch(ENDING);
      expect(left()).toEqual(before);
    },
  );

  it.each(commands.filter(([words]) => python !== undefined || !isMade(words)))(
    '%j, where a thing of another kind is',
    (words, kind) => {
      const before = left();
      const { code, stdout, stderr } = visiontrain(
        [...words, join(place, kind === 'file' ? 'folder' : 'file')],
        envOf(words),
      );
      expect([code, stdout], stderr).toEqual([2, '']);
      expect(stderr).toMatch(/is there already|is a folder, not a file/u);
      expect(left()).toEqual(before);
    },
  );

  it('preset save, where the folder of presets is a file', () => {
    const other = join(home.dir, 'other');
    mkdirSync(join(other, 'config'), { recursive: true, mode: 0o700 });
    writeFileSync(join(other, 'config', 'presets'), 'mine');
    const { code, stdout, stderr } = visiontrain(['preset', 'save', 'soft', join(run.dir, 'run.yaml')], {
      ...home.env,
      VISIONTRAIN_HOME: other,
    });
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain('a part of its path is a file');
    expect(readdirSync(join(other, 'config'))).toEqual(['presets']);
  });
});

describe('a disk that is full when the file is half written', () => {
  const written = commands.filter(
    ([words]) => !['sample', 'dataset', 'export'].includes(words[0]) && (python !== undefined || !isMade(words)),
  );

  it.each(written)('%j', (words) => {
    const before = left();
    const { code, stdout, stderr } = visiontrain([...words, join(place, 'room', 'x')], envOf(words), 1);
    expect([code, stdout], stderr).toEqual([3, '']);
    expect(stderr).toMatch(/cannot be written.*\n {2}(?:Choose another place|Free some disk space)/u);
    expect(stderr).not.toMatch(ENDING);
    expect(left()).toEqual(before);
  });

  it('keeps no half of a preset', () => {
    const { code, stdout, stderr } = visiontrain(
      ['preset', 'save', 'soft', join(run.dir, 'run.yaml'), '--all'],
      home.env,
      1,
    );
    expect([code, stdout], stderr).toEqual([3, '']);
    expect(readdirSync(join(home.dir, 'config', 'presets'))).toEqual([]);
    rmSync(join(home.dir, 'config', 'presets'), { recursive: true });
  });
});
