/** Completion in real shells, and the page for agents. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { actionsOf, completionScript } from '../../../src/cli/commands/completion-scripts.ts';
import { commands } from '../../../src/cli/commands/table.ts';
import { cli } from '../../helpers/cli.ts';

const home = mkdtempSync(join(tmpdir(), 'vt-completion-'));
const env = { ...process.env, VISIONTRAIN_HOME: home };
mkdirSync(join(home, 'runs', 'fox-one'), { recursive: true });
mkdirSync(join(home, 'runs', 'fox-two'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** What bash offers for a line; the last word is the one that is typed. */
function offered(...words: string[]): string[] {
  const script = join(home, 'bash');
  writeFileSync(script, completionScript('bash', commands));
  const typed = ['visiontrain', ...words].map((word) => `'${word}'`).join(' ');
  const code = `source '${script}'; COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _visiontrain; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', code], { env, encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '');
}

describe('completion', () => {
  it('offers commands, actions, flags and runs in bash', () => {
    expect(offered('re')).toEqual(['resume', 'report']);
    expect(offered('lora', 'in')).toEqual(['inspect']);
    expect(offered('export', '--be')).toEqual(['--best']);
    expect(offered('status', 'fox')).toEqual(['fox-one', 'fox-two']);
    expect(offered('run', 'x')).toEqual([]);
  });

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
    const path = ['/usr/bin', '/bin', '/usr/local/bin'].map((dir) => join(dir, shell)).find(existsSync);
    const script = join(home, shell);
    // `npm run docs` writes what the package ships.
    const shipped = readFileSync(join(import.meta.dirname, '../../../completions', `visiontrain.${shell}`), 'utf8');
    expect(shipped).toBe(completionScript(shell, commands));
    writeFileSync(script, completionScript(shell, commands));
    if (path !== undefined) execFileSync(path, ['-n', script]);
    for (const { name } of commands) expect(completionScript(shell, commands)).toContain(name);
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
