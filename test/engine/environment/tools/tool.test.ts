import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTool, type ToolRun } from '../../../../src/engine/environment/tools/tool.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-tool-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (tool: Omit<ToolRun, 'env'>) =>
  runTool(
    { ...tool, env: { PATH: process.env.PATH } },
    { log: join(dir, 'log'), signal: new AbortController().signal, owner: join(dir, 'owner') },
  );

describe('a tool that is recorded while it runs', () => {
  it('begins only when it is recorded, and the record is removed with it', async () => {
    const { stdout } = await run({ argv: [process.execPath, '-e', PRINTS_OWNER, join(dir, 'owner')] });
    expect(JSON.parse(stdout)).toMatchObject({ named: true });
    expect(existsSync(join(dir, 'owner'))).toBe(false);
  });

  it('gets its input and its arguments whole', async () => {
    const { code, stdout } = await run({
      argv: ['sh', '-c', 'cat; printf %s "$1"', 'x', "a 'b' $HOME\n"],
      input: 'in\n\n',
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "in\n\na 'b' $HOME\n" });
  });

  it('gives its exit and its message when it is not there', async () => {
    const { code, tail } = await run({ argv: [join(dir, 'none')] });
    expect(code).toBe(127);
    expect(tail.join('\n')).toContain('none');
    expect(readFileSync(join(dir, 'log'), 'utf8')).toContain('none');
  });
});

const PRINTS_OWNER = `
const { pid } = JSON.parse(require('fs').readFileSync(process.argv[1], 'utf8'));
console.log(JSON.stringify({ named: pid === process.pid }));
`;
