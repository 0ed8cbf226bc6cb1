import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../../helpers/cli.ts';
import { Terminal } from '../../helpers/tmux.ts';

let dir: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-doctor-'));
  // A fresh empty home, and no network: every connection is refused at once.
  env = {
    ...process.env,
    HOME: dir,
    USER: 'mallory',
    VISIONTRAIN_HOME: join(dir, 'vt'),
    HF_ENDPOINT: 'http://127.0.0.1:9',
    PIP_INDEX_URL: 'http://bob:hunter2@127.0.0.1:9/simple',
  };
  for (const name of [
    'VISIONTRAIN_PYTHON',
    'VISIONTRAIN_TORCH',
    'CUDA_VISIBLE_DEVICES',
    'HF_TOKEN',
    'HTTPS_PROXY',
    'https_proxy',
  ])
    delete env[name];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function withCard(driver: string): void {
  const tools = join(dir, 'tools');
  mkdirSync(tools);
  const csv = `0, GPU-00000000-1111-2222-3333-444444444444, NVIDIA GeForce RTX 4090, 24564, 6144, ${driver}, 8.9`;
  writeFileSync(
    join(tools, 'nvidia-smi'),
    `#!/bin/sh\ncase "$1" in *apps*) echo "/home/eve/python3, 18012";; *) echo "${csv}";; esac\n`,
  );
  chmodSync(join(tools, 'nvidia-smi'), 0o755);
  env.PATH = `${tools}:${env.PATH}`;
}

interface Report {
  readonly state: string;
  readonly findings: readonly { id: string; verdict: string; text: string; cure: string[] }[];
}

describe('visiontrain doctor', () => {
  it('works in a fresh home without a network, makes nothing there, and names each cure', async () => {
    const { code, stdout, stderr } = await cli(['doctor', '--json'], env);
    const { state, findings } = JSON.parse(stdout) as Report;
    expect([code, stderr, state]).toEqual([0, '', 'warn']);
    expect(findings.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'node',
        'python',
        'driver',
        'environment',
        'memory',
        'disk',
        'folders',
        'tokens',
        'network-hub',
        'network-index',
        'terminal',
      ]),
    );
    expect(findings.find(({ id }) => id === 'environment')).toMatchObject({
      verdict: 'warn',
      cure: ['visiontrain setup'],
    });
    expect(findings.find(({ id }) => id === 'network-hub')?.text).toContain('cannot be reached');
    expect(stdout).not.toContain('hunter2');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('marks in red what is in the way, and names who holds the card', async () => {
    withCard('535.183.01');
    const { code, stdout } = await cli(['doctor', '--json'], env);
    const { findings } = JSON.parse(stdout) as Report;
    expect(code).toBe(3);
    expect(findings.find(({ id }) => id === 'driver')).toMatchObject({
      verdict: 'bad',
      text: expect.stringContaining('update the driver to 580'),
    });
    expect(findings.find(({ id }) => id === 'memory-0')?.text).toMatch(
      /6\.4 GB of 25\.8 GB are free; held by .*\(18\.9 GB\)/u,
    );
  });

  it('fits 60 columns without colours, word by word', async () => {
    withCard('535.183.01');
    const terminal = new Terminal([process.execPath, join(import.meta.dirname, '../../../bin/visiontrain'), 'doctor'], {
      columns: 60,
      rows: 60,
      cwd: dir,
      env: { ...env, NO_COLOR: '1' } as Record<string, string>,
    });
    try {
      await terminal.shows(/must be cured before a run can train/);
      const screen = terminal.screen().join('\n');
      expect(screen).toMatch(/^✖ Card, driver {3}The NVIDIA driver 535\.183\.01 is too old$/mu);
      expect(screen).toMatch(/^ {17}→ /mu);
      expect(screen).toMatch(/^✔ Terminal {7}60x60, no colours, Unicode, can ask/mu);
    } finally {
      terminal.close();
    }
  });

  it('writes a bundle without secrets and names', async () => {
    env.HF_TOKEN = 'hf_thisIsNobodysToken12345';
    const file = join(dir, 'report.json');
    const { code, stderr } = await cli(['doctor', '--bundle', file], env);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Written for a bug report:')]);
    expect(existsSync(join(dir, 'vt'))).toBe(false);
    const bytes = readFileSync(file, 'latin1');
    expect(JSON.parse(bytes).doctor.findings.length).toBeGreaterThan(8);
    for (const word of [env.HF_TOKEN, 'mallory', 'hunter2', 'bob:', dir, hostname()])
      expect([word, bytes.includes(word)]).toEqual([word, false]);
  });
});
