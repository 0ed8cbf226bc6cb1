import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { holdToSchema } from './documents.ts';

const bin = join(import.meta.dirname, '../../bin/visiontrain');

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the real command line. `done` resolves to what it printed and how it ended. */
export function startCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
): { child: ChildProcess; done: Promise<CliResult> } {
  const child = spawn(process.execPath, [bin, ...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const done = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...texts }));
  });
  return { child, done };
}

/** Runs a command to its end. A document that it prints with `--json` is checked against its schema. */
export async function cli(args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string): Promise<CliResult> {
  const result = await startCli(args, env, cwd).done;
  if (args.includes('--json')) holdToSchema(args, result.stdout);
  return result;
}
