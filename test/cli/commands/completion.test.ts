/** Completion in real shells, and the page for agents. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { actionsOf, completionScript } from '../../../src/cli/commands/completion-scripts.ts';
import { commands } from '../../../src/cli/commands/table.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { cli } from '../../helpers/cli.ts';

const home = mkdtempSync(join(tmpdir(), 'vt-completion-'));
const env = { ...process.env, VISIONTRAIN_HOME: home };
mkdirSync(join(home, 'config', 'presets'), { recursive: true });
mkdirSync(join(home, 'runs', 'fox-one'), { recursive: true });
mkdirSync(join(home, 'runs', 'fox-two'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const bases = ['sd15', 'sdxl'];
for (const name of ['soft', 'hard']) writeFileSync(join(home, 'config', 'presets', `${name}.yaml`), '');
for (const name of ['fox one.safetensors', 'notes.txt']) writeFileSync(join(home, name), '');

/** Path of a shell, if it is on this machine. */
const found = (shell: string) => ['/usr/bin', '/bin', '/usr/local/bin'].map((dir) => join(dir, shell)).find(existsSync);

/** How each shell is asked what it offers for a line; the last word is the one that is typed. */
const asked: Readonly<
  Record<'bash' | 'zsh' | 'fish', (script: string, words: readonly string[]) => readonly string[]>
> = {
  bash: (script, words) => [
    '--norc',
    '-c',
    `source '${script}'; COMP_WORDS=(visiontrain ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _visiontrain; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  // The completion builtins work at a prompt only, so these print the arguments that they are given.
  zsh: (script, words) => [
    '-f',
    '-c',
    `compdef() {}; compadd() { print -l -- "\${@:#--}"; }; _describe() { print -l -- "\${(@)commands%%:*}"; }; _files() { [[ "$1" = -g ]] && print -l -- *.safetensors; true; }
     source '${script}'; words=(visiontrain ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length + 1}; _visiontrain`,
  ],
  fish: (script, words) => ['--no-config', '-c', `source '${script}'; complete -C 'visiontrain ${words.join(' ')}'`],
};

function offeredBy(shell: 'bash' | 'zsh' | 'fish', ...words: string[]): string[] {
  const script = join(home, shell);
  writeFileSync(script, completionScript(shell, commands, bases));
  const path = found(shell) ?? expect.fail(shell);
  const text = execFileSync(path, asked[shell](script, words), { env, encoding: 'utf8', cwd: home });
  const typed = words.at(-1) ?? '';
  // zsh itself leaves out words that do not begin as the typed word does.
  const lines = text.split('\n').map((line) => line.split('\t')[0] ?? '');
  return lines.filter((line) => line !== '' && line.startsWith(typed));
}
const offered = (...words: string[]) => offeredBy('bash', ...words);

describe.each(['bash', 'zsh', 'fish'] as const)('completion in %s', (shell) => {
  it.skipIf(found(shell) === undefined)('offers commands, actions, flags, runs, presets, bases and LoRA files', () => {
    const at = (...words: string[]) => offeredBy(shell, ...words).sort();
    expect(at('re')).toEqual(['report', 'resume']);
    expect(at('lora', 'in')).toEqual(['inspect']);
    expect(at('export', '--be')).toEqual(['--best']);
    expect(at('status', 'fox')).toEqual(['fox-one', 'fox-two']);
    expect(at('compare', 'fox-one', 'fox')).toEqual(['fox-one', 'fox-two']);
    expect(at('publish', 'hub', 'fox')).toEqual(['fox-one', 'fox-two']);
    expect(at('status', '--json', 'fox')).toEqual(['fox-one', 'fox-two']);
    expect(at('new', 'pictures', '--preset', '')).toEqual(expect.arrayContaining(['hard', 'soft']));
    expect(at('preset', 'show', 's')).toEqual(['soft']);
    expect(at('models', 'info', 'sd')).toEqual(['sd15', 'sdxl']);
    expect(at('lora', 'check', '--base', 'sdx')).toEqual(['sdxl']);
    expect(at('run', 'run.yaml', '--set', 'training.ran')).toEqual(['training.rank', 'training.rank_dropout']);
    expect(at('lora', 'inspect', 'fox')).toEqual([expect.stringMatching(/^fox.one\.safetensors$/u)]);
    expect(at('status', 'fox-one', 'fox-').filter((word) => word.startsWith('fox-'))).toEqual([]);
  });
});

describe('completion', () => {
  it('knows every command, and the actions that each takes', async () => {
    const all = offered('');
    for (const { name } of commands) expect(all).toContain(name);
    for (const [name, actions] of Object.entries(actionsOf)) {
      if (name === 'completion') continue;
      const { stderr } = await cli([name, 'nothing-of-that-name', '.'], env);
      expect(/Actions: (.*)/.exec(stderr)?.[1]?.split(', ').sort(), name).toEqual([...actions].sort());
    }
  });

  it.each(['bash', 'zsh', 'fish'] as const)('is a script that %s takes, where there is one', (shell) => {
    const path = found(shell);
    const script = join(home, shell);
    const known = loadRegistry({ configDir: home }).models.map(({ id }) => id);
    // `npm run docs` writes what the package ships.
    const shipped = readFileSync(join(import.meta.dirname, '../../../completions', `visiontrain.${shell}`), 'utf8');
    expect(shipped).toBe(completionScript(shell, commands, known));
    writeFileSync(script, completionScript(shell, commands, known));
    if (path !== undefined) execFileSync(path, ['-n', script]);
    for (const { name } of commands) expect(shipped).toContain(name);
  });

  it('says where the script goes when no shell is named', async () => {
    const { code, stderr } = await cli(['completion', 'csh'], env);
    expect([code, stderr]).toEqual([2, expect.stringContaining('bash-completion/completions')]);
    expect((await cli(['completion', 'fish', '--json'], env)).code).toBe(0);
  });
});

describe('explain agents', () => {
  it('prints a page whose commands are all there', async () => {
    const { code, stdout } = await cli(['explain', 'agents'], env);
    expect(code).toBe(0);
    const named = new Set([...stdout.matchAll(/^visiontrain (\w+)/gm)].map(([, name]) => name));
    expect(named.size).toBeGreaterThan(12);
    const known = commands.map(({ name }) => name);
    expect([...named].filter((name) => !known.includes(name ?? ''))).toEqual([]);
    expect((await cli(['explain', 'agents', '--json'], env)).code).toBe(0);
  });
});
