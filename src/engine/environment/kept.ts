/** The environments on the disk: those of this version for every build, and older ones. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Places } from '../../base/paths.ts';
import { BUILDS } from './builds.ts';
import { STAMP, type Stamp } from './check.ts';
import { environmentKey, requirementsFor } from './requirements.ts';

export interface KeptEnvironment {
  readonly name: string;
  readonly torch: string | null;
  readonly python_version: string | null;
  readonly bytes: number;
  /** Seconds since 1970. */
  readonly made_at: number | null;
  readonly complete: boolean;
  /** Whether this version would use it, with any build. */
  readonly current: boolean;
  /** Whether a process runs from it, or is making it. */
  readonly busy: boolean;
}

/** Matches an `environmentKey`: folders with other names are not ours to list or remove. */
const NAME = /^[0-9a-f]{16}-(?:cpu|native|cuda|cu\d+|rocm\d+(?:\.\d+)*)$/u;

export async function keptEnvironments({ envs }: Places): Promise<readonly KeptEnvironment[]> {
  const used = new Set(BUILDS.map(({ id }) => environmentKey(requirementsFor(id))));
  const running = runningPrograms();
  const kept: KeptEnvironment[] = [];
  for (const name of names(envs)) {
    const dir = join(envs, name);
    const stamp = readStamp(dir);
    kept.push({
      name,
      torch: stamp?.torch ?? null,
      python_version: stamp?.python_version ?? null,
      bytes: await folderBytes(dir),
      made_at: stamp?.made_at ?? null,
      complete: stamp !== undefined,
      current: used.has(name),
      busy: running.some((words) => words.includes(`${dir}/`)),
    });
  }
  return kept.sort((a, b) => (b.made_at ?? 0) - (a.made_at ?? 0) || a.name.localeCompare(b.name, 'en'));
}

/** Removes an environment with its log. Its stamp goes first, so that a half-removed one is never taken for whole. */
export function removeEnvironment({ envs }: Places, { name }: KeptEnvironment): void {
  if (!NAME.test(name)) return;
  rmSync(join(envs, name, STAMP), { force: true });
  for (const path of [name, `${name}.log`, `${name}.claims`])
    rmSync(join(envs, path), { recursive: true, force: true });
}

function names(envs: string): string[] {
  try {
    return readdirSync(envs).filter((name) => NAME.test(name) && lstatSync(join(envs, name)).isDirectory());
  } catch {
    return [];
  }
}

function readStamp(dir: string): Stamp | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, STAMP), 'utf8')) as Stamp;
  } catch {
    return undefined;
  }
}

/** Bytes on the disk; files that uv shares with its cache by hard links are counted once. */
async function folderBytes(dir: string): Promise<number> {
  const seen = new Set<number>();
  let bytes = 0;
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) {
        const { ino, blocks } = await lstat(path).catch(() => ({ ino: -1, blocks: 0 }));
        if (!seen.has(ino)) bytes += blocks * 512;
        seen.add(ino);
      }
    }
  };
  await walk(dir);
  return bytes;
}

/** Command lines and working folders of the processes that this user may inspect. Linux only. */
function runningPrograms(): readonly string[] {
  const look = (read: () => string): string => {
    try {
      return read();
    } catch {
      return '';
    }
  };
  return look(() => readdirSync('/proc').join('\n'))
    .split('\n')
    .filter((pid) => /^\d+$/u.test(pid) && Number(pid) !== process.pid)
    .map(
      (pid) =>
        `${look(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))}\n${look(() => readlinkSync(`/proc/${pid}/cwd`))}/`,
    );
}
