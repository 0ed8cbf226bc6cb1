import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, type ExitCode } from '../../../base/errors.ts';
import { formatBytes } from '../../../base/text.ts';
import { createClient } from '../../../download/http/client.ts';
import { downloadSettings } from '../../../download/http/settings.ts';
import { renewBox } from '../../../engine/environment/box.ts';
import type { TorchBuild } from '../../../engine/environment/builds.ts';
import { type Extra, lockOf } from '../../../engine/environment/extras.ts';
import {
  fetchCommands,
  lockedPackages,
  packagesIn,
  reportedFiles,
  torchApart,
  type WheelFile,
} from '../../../engine/environment/offline/wheels.ts';
import { requirementsFor } from '../../../engine/environment/requirements.ts';
import { hasUv, pipInstaller } from '../../../engine/environment/tools/installer.ts';
import { findPython } from '../../../engine/environment/tools/python.ts';
import { runTool } from '../../../engine/environment/tools/tool.ts';
import { thisSystem } from '../../../engine/hardware/system.ts';
import type { Context } from '../../shell/context.ts';
import { stopSignals } from './steps/stop-signals.ts';

interface PlannedFile extends WheelFile {
  /** Bytes; null when the server does not tell. */
  readonly bytes: number | null;
  /** Whether the hash is in a lock of this package. */
  readonly locked: boolean;
}

/**
 * Carries out `setup --plan`: lists the files that set-up would fetch for this machine, and the commands that fetch
 * them elsewhere. Nothing is made. Without a network only the commands are shown.
 */
export async function showSetupPlan(
  context: Context,
  { torch, extras }: { readonly torch: string | undefined; readonly extras: readonly Extra[] },
): Promise<ExitCode> {
  const { out, env, flags, places } = context;
  const stop = stopSignals();
  try {
    const { box } = await renewBox({ places, env, system: thisSystem(env), remember: false }, torch);
    const { newestPython, bytes: disk } = requirementsFor(box.build);
    const python = await findPython(env, { needsVenv: false, newest: newestPython, signal: stop.signal });
    const files = await plannedFiles({ build: box.build, extras }, python.path, context, stop.signal);
    const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    const uv = !(await makesEnvironments(env, newestPython, stop.signal));
    const commands = fetchCommands(box.build, { python: python.version, machine, uv, extras: extras.map(lockOf) });
    const known = files?.every(({ bytes }) => bytes !== null)
      ? files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
      : null;
    if (flags.json) {
      out.json({ build: box.build, python: python.version, files, bytes: known, disk, commands });
      return EXIT.ok;
    }
    out.talk(
      `torch ${requirementsFor(box.build).torch} (${box.build}) for Python ${python.version}: nothing is made (--plan)`,
    );
    if (files === undefined) out.talk('The package index cannot be reached from here: files and sizes are not known.');
    for (const { name, sha256, bytes, locked } of files ?? [])
      out.data(
        `${bytes === null ? '?' : formatBytes(bytes)}`.padStart(9) +
          `  ${name}  sha256:${sha256 ?? '?'}${locked ? '' : '  (not in the lock)'}`,
      );
    if (files !== undefined && known !== null)
      out.talk(`${files.length} files, ${formatBytes(known)}; ${formatBytes(disk)} of disk while it is made.`);
    out.talk('For a machine without a network, on one that has it, with this package:');
    for (const command of commands) out.verbatim(command);
    out.talk(['Then there:  visiontrain setup --wheels wheels', ...extras.map(({ name }) => `--${name}`)].join(' '));
    return EXIT.ok;
  } finally {
    stop.off();
  }
}

/**
 * Whether an environment can be made here without fetching uv: by an installed uv, or by the venv module of Python.
 */
async function makesEnvironments(
  env: NodeJS.ProcessEnv,
  newest: number | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (await hasUv(env, signal)) return true;
  return findPython(env, { needsVenv: true, newest, signal }).then(
    () => true,
    () => false,
  );
}

/** The files that pip would fetch, from metadata alone; undefined when the index cannot be reached. */
async function plannedFiles(
  { build, extras }: { readonly build: TorchBuild; readonly extras: readonly Extra[] },
  python: string,
  { env, out, flags }: Context,
  signal: AbortSignal,
): Promise<readonly PlannedFile[] | undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-plan-'));
  if (!flags.json) out.talk('Asking the package index (about a minute)');
  try {
    // An extra lies in a folder of its own, so its versions may differ from those of the environment.
    const locks = [lockedPackages(build), ...extras.map((extra) => packagesIn([lockOf(extra)]))];
    const hashes = new Set(locks.flatMap((lock) => [...lock.hashes]));
    const apart = torchApart(build);
    const queries = [
      ...locks.map(({ requirements }, n) => {
        const list = join(dir, `list-${n}.txt`);
        writeFileSync(list, `${requirements.join('\n')}\n`);
        return pipInstaller(env).resolveList(python, list);
      }),
      ...(apart === undefined ? [] : [pipInstaller(env).resolve(python, apart.requirement, {})]),
    ];
    const found = new Map<string, WheelFile>();
    for (const [n, tool] of queries.entries()) {
      const { code, stdout } = await runTool(tool, { log: join(dir, 'log'), signal });
      if (code === 0) for (const file of reportedFiles(stdout)) found.set(file.name, file);
      else if (n === 0) return undefined;
    }
    const files = [...found.values()];
    const sizes = await sizesOf(files, env, signal);
    return files.map((file, n) => ({
      ...file,
      bytes: sizes[n] ?? null,
      locked: file.sha256 !== null && hashes.has(file.sha256),
    }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Number of servers that are asked at a time. */
const AT_ONCE = 6;

async function sizesOf(
  files: readonly WheelFile[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<readonly (number | null)[]> {
  const client = createClient(downloadSettings(env), env);
  const sizes: (number | null)[] = files.map(() => null);
  const left = [...files.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [n, { url }] = next;
      signal.throwIfAborted();
      try {
        if (url.startsWith('file:')) sizes[n] = statSync(fileURLToPath(url)).size;
        else
          await client.send(
            { method: 'HEAD', url, token: undefined, signal },
            {
              onHead: ({ status, headers }) => {
                const length = Number(headers['content-length']);
                if (status === 200 && Number.isSafeInteger(length)) sizes[n] = length;
              },
              onData: () => false,
            },
          );
      } catch {
        // The server does not tell the size, which is then left out.
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    await client.close();
  }
  return sizes;
}
