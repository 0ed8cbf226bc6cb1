import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Terminal } from '../helpers/tmux.ts';

const bin = join(import.meta.dirname, '..', '..', 'bin', 'visiontrain');
let home: string;
let terminal: Terminal | undefined;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'visiontrain-models-'));
});
afterEach(() => {
  terminal?.close();
  rmSync(home, { recursive: true, force: true });
});

/** The output of the command in a terminal of this width, without empty lines. */
async function shown(columns: number, args: readonly string[], env: Record<string, string> = {}): Promise<string[]> {
  terminal?.close();
  terminal = new Terminal([process.execPath, bin, 'models', ...args], {
    cwd: home,
    columns,
    rows: 60,
    env: { VISIONTRAIN_HOME: home, ...env },
  });
  const lines = await terminal.shows('[exit 0]');
  return lines.filter((line) => line !== '' && line !== '[exit 0]');
}

describe('models list', () => {
  it('has a line for each model in 80 columns, the title cut', async () => {
    const lines = await shown(80, ['list']);
    const table = lines.slice(
      0,
      lines.findIndex((line) => line.startsWith('More of one')),
    );
    expect(table[0]).toMatch(/^ID +FOR +SIZE +HERE +WHAT$/);
    expect(table.length).toBeGreaterThan(20);
    for (const line of table.slice(1))
      expect(line).toMatch(/^[a-z0-9.-]+ +(sd15|sdxl|vae|tagger|captioner|judge|masker) /);
    expect(table.find((line) => line.startsWith('sd15-fp32 '))).toMatch(/Stable Diffusion 1\.5, .*…$/);
  });

  it('leaves titles out in 50 columns, and says where they are', async () => {
    const lines = await shown(50, ['list']);
    expect(lines[0]).toMatch(/^ID +SIZE +HERE$/);
    expect(lines.find((line) => line.startsWith('sdxl '))).toMatch(/^sdxl +6\.9 GB$/);
    expect(lines).toContain('More of one: visiontrain models info ID');
  });

  it('has its ellipsis in ASCII where the locale has nothing else', async () => {
    const lines = await shown(80, ['list'], { LANG: 'C' });
    expect(lines.find((line) => line.startsWith('sd15-fp32 '))).toMatch(/\.\.\.$/);
    expect(lines.join('')).toMatch(/^[\x20-\x7e]+$/);
  });

  it('shows the path of something unfinished whole, on a line of its own', async () => {
    const folder = join(home, 'models', 'sdxl', 'a-folder-with-quite-a-long-name-for-a-test');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'model.safetensors.part');
    writeFileSync(path, 'abc');
    const wide = await shown(150, ['list']);
    expect(wide).toContainEqual(expect.stringMatching(/^STATE +SIZE +LAST +FILE$/));
    const narrow = await shown(70, ['list']);
    expect(narrow).toContain('Unfinished or set aside:');
    expect(narrow.join('')).toContain(`  ${path}`);
  });
});

describe('models info', () => {
  it('is wrapped beside its labels in 80 columns; a hash stays whole', async () => {
    const tiny = await shown(80, ['info', 'tiny']);
    const starts = /^(family|pictures|advice|recipe|licence|here|Tiny drawings|A very small|in a minute) *| {13}\S/;
    for (const line of tiny) expect(line).toMatch(starts);
    const sdxl = await shown(80, ['info', 'sdxl']);
    expect(sdxl).toContain('SHA-256      31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b');
    expect(sdxl).toContain('             captions in natural sentences with the trigger word first. The text');
  });

  it('is wrapped below its labels in 50 columns, where it does not fit beside', async () => {
    const lines = await shown(50, ['info', 'sdxl']);
    const at = lines.indexOf('advice');
    expect(lines[at + 1]).toBe('  Photos and general art at 1024 pixels. 12 to 30');
    expect(lines).toContain('memory       6 GB card at least, 24 GB with room');
  });
});
