import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { buildFacts, type TorchBuild } from './builds.ts';

/** The parts of an environment. */
export interface Requirements {
  /** Lock file with hashes for everything but torch. */
  readonly lock: string;
  /** Version of torch, without the suffix of a build. */
  readonly torch: string;
  readonly build: TorchBuild;
  /** Lock file with hashes for torch and its dependencies; undefined where the index publishes no hashes. */
  readonly torchLock?: string;
  /** Index with this build, used when the person's own sources have none; undefined for PyPI and its mirrors. */
  readonly index?: string;
  /** Bytes of disk that are needed while the environment is made. */
  readonly bytes: number;
  /** Approximate bytes that are fetched. */
  readonly downloadBytes?: number;
  /** Newest minor version of Python 3 for which the build exists. */
  readonly newestPython?: number;
}

const locks = () => join(packageRoot(), 'trainer', 'requirements');

/** The requirements of this version of visiontrain with a build of torch. */
export function requirementsFor(build: TorchBuild): Requirements {
  const { torch, lock, index, diskBytes, downloadBytes, newestPython } = buildFacts(build);
  return {
    lock: join(locks(), 'requirements.lock'),
    torch,
    build,
    ...(lock === undefined ? {} : { torchLock: join(locks(), lock) }),
    ...(index === undefined ? {} : { index }),
    bytes: diskBytes,
    downloadBytes,
    newestPython,
  };
}

/** Name of the environment's folder. Another lock, torch or build gives another environment. */
export function environmentKey({ lock, torch, build, torchLock }: Requirements): string {
  const hash = createHash('sha256').update(readFileSync(lock)).update(`\0torch==${torch}\0${build}`);
  if (torchLock !== undefined) hash.update(readFileSync(torchLock));
  return `${hash.digest('hex').slice(0, 16)}-${build}`;
}
