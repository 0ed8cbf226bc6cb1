/** Answers requests on a box that come from another machine, with the same version of the same program. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { packageRoot } from '../../base/package-root.ts';
import type { Places } from '../../base/paths.ts';
import { withClaim } from '../../base/process/claim.ts';
import { findRun } from '../runs/find.ts';
import { isSweepName } from '../search/folder.ts';
import { manifestOf } from './manifest.ts';
import { contentSchema, missingHere, plantTree, takeIn, treeSchema } from './store.ts';

const files = z.array(contentSchema).max(2_000_000);
const sent = z.string().startsWith('/');
const memberSchema = z.object({ group: z.string().refine(isSweepName), values: z.record(z.string(), z.unknown()) });
export type SweepMember = z.output<typeof memberSchema>;

/** Variable that names, for `queue add`, the sweep of another machine that its run belongs to. */
const MEMBER = 'VISIONTRAIN_SWEEP';

/** The sweep of another machine that this command was started for; undefined when a person typed it here. */
export function sweepOfCommand(env: NodeJS.ProcessEnv): SweepMember | undefined {
  const text = env[MEMBER];
  return text === undefined ? undefined : memberSchema.parse(JSON.parse(text));
}

const requestSchema = z.discriminatedUnion('do', [
  z.object({ do: z.literal('missing'), sent, files }),
  z.object({ do: z.literal('take'), sent, files }),
  z.object({ do: z.literal('plant'), sent, trees: z.array(treeSchema).max(1000) }),
  z.object({
    do: z.literal('start'),
    sent,
    /** Identifies a start. If it is requested again because the answer was lost, it is done only once. */
    token: z.string().regex(/^[0-9a-f]{32}$/),
    /** The text of run.yaml, and the words of the command, in which `{spec}` stands for its path. */
    text: z.string(),
    words: z.array(z.string()).min(1).max(4000),
    /** The sweep that the run belongs to, and the values that it has in it. */
    sweep: memberSchema.optional(),
  }),
  z.object({ do: z.literal('manifest'), sent, run: z.string(), checkpoints: z.boolean() }),
]);
type Start = Extract<z.output<typeof requestSchema>, { do: 'start' }>;

/**
 * Answers one request.
 * @throws VisiontrainError with a message for the person at the other machine
 */
export async function serveBox(text: string, places: Places, env: NodeJS.ProcessEnv): Promise<object> {
  const request = requestSchema.parse(JSON.parse(text));
  makePrivateFolder(request.sent);
  switch (request.do) {
    case 'missing':
      return missingHere(request.sent, request.files);
    case 'take':
      return takeIn(request.sent, request.files);
    case 'plant': {
      const paths: string[] = [];
      for (const tree of request.trees) paths.push(await plantTree(request.sent, tree));
      return { paths };
    }
    case 'start':
      return startOnce(request, env);
    default:
      return manifestOf(findRun(request.run, places.runs), request);
  }
}

/** The end of a command of ours. */
export const startedSchema = z.object({ code: z.number(), stdout: z.string() });

/** Runs a command of ours with a run.yaml, unless that was already done for this token. */
async function startOnce(request: Start, env: NodeJS.ProcessEnv): Promise<z.output<typeof startedSchema>> {
  const folder = join(request.sent, 'starts', request.token);
  const result = join(folder, 'result.json');
  makePrivateFolder(folder);
  // Another process holds the lock when the connection broke while the command ran. The command ends by itself.
  return withClaim(join(folder, 'lock'), { everyMs: 200 }, async () => {
    if (existsSync(result)) return startedSchema.parse(JSON.parse(readFileSync(result, 'utf8')));
    const ended = await command(folder, request, env);
    writeFileAtomic(result, JSON.stringify(ended), 0o600);
    return ended;
  });
}

function command(
  folder: string,
  { text, words, sweep }: Start,
  env: NodeJS.ProcessEnv,
): Promise<z.output<typeof startedSchema>> {
  const spec = join(folder, 'run.yaml');
  writeFileAtomic(spec, text, 0o600);
  const args = words.map((word) => (word === '{spec}' ? spec : word));
  const child = spawn(process.execPath, [join(packageRoot(), 'bin', 'visiontrain'), ...args], {
    env: sweep === undefined ? env : { ...env, [MEMBER]: JSON.stringify(sweep) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    stdout += part;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, stdout }));
  });
}
